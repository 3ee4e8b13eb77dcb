/** What the choice of layers is about: with some methods only a part of the base's tensors. */
import type { AnyMethod, LayerKind } from "../../protocol/method.ts";
import { DEFAULT_METHOD, methodFacts, methodOfBase } from "../../protocol/methods.ts";
import { InputError } from "../../util/errors.ts";
import type { BaseTensor } from "./base-tensors.ts";

export interface Choosable {
  kind: LayerKind;
  /** Never empty. */
  tensors: readonly BaseTensor[];
}

/** @throws InputError for a method that leaves nothing to choose */
export function choosableTensors(method: AnyMethod, tensors: readonly BaseTensor[]): Choosable {
  const layers = methodFacts(method).layers(method);
  if (!layers) {
    throw new InputError(
      `method ${method.type} trains virtual tokens, so there is no layer to choose; method ${methodOfBase("part").name} or ${DEFAULT_METHOD} has layers`,
    );
  }
  const { kind, key } = layers;
  const chosen = tensors.filter((tensor) => layers.has(tensor));
  if (chosen.length > 0) return { kind, tensors: chosen };
  throw new InputError(
    `method.${key} names none of the base model's layers: there is nothing to tick`,
  );
}
