/** What a recipe's method trains on a base model. */
import { SCORE } from "../adapter-files/classifier-head.ts";
import type { AnyMethod } from "../protocol/method.ts";
import { type LayerChoice, trainedPredicate } from "../util/tensor-patterns.ts";
import type { TunedBase, Tuning } from "./method.ts";
import { TRAINING_METHODS } from "./registry.ts";

/** @throws InputError when the method does not fit the base, or nothing is left to train */
export function tuningOf(
  { method, layers = {} }: { method: AnyMethod; layers?: LayerChoice | undefined },
  base: TunedBase,
): Tuning {
  const { architecture, dir } = base;
  const names = architecture.tensors.map(({ name }) => name);
  const isTrained = trainedPredicate(layers, names, { what: dir, blockOf: architecture.blockOf });
  // A classification head is trained whatever else is.
  const heads = names.filter((name) => name === SCORE);
  const {
    trained = [],
    adapter,
    start,
  } = TRAINING_METHODS.get(method.type).tune(method, base, isTrained);
  return { trained: new Set([...trained, ...heads]), adapter, start };
}
