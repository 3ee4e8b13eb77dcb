/** What the choice of layers is about: with some methods only a part of the base's tensors. */
import type { Method } from "../../protocol/recipe.ts";
import { InputError } from "../../util/errors.ts";
import { targetPredicate } from "../../families/targets.ts";
import type { BaseTensor } from "./base-tensors.ts";

/** What a ticked row means: its tensors train, an adapter attaches, or its block's output is edited. */
export type ChoiceKind = "tensors" | "sites" | "blocks";

export interface Choosable {
  kind: ChoiceKind;
  /** Never empty. */
  tensors: readonly BaseTensor[];
}

/** @throws InputError for a method that leaves nothing to choose */
export function choosableTensors(method: Method, tensors: readonly BaseTensor[]): Choosable {
  const kind = kindOf(method);
  const chosen = tensors.filter(isChoosable(method));
  if (chosen.length > 0) return { kind, tensors: chosen };
  const where = kind === "blocks" ? "method.layers" : "method.targets";
  throw new InputError(`${where} names none of the base model's layers: there is nothing to tick`);
}

function kindOf({ type }: Method): ChoiceKind {
  if (type === "full" || type === "freeze" || type === "head") return "tensors";
  return type === "lora" || type === "ia3" ? "sites" : "blocks";
}

function isChoosable(method: Method): (tensor: BaseTensor) => boolean {
  switch (method.type) {
    case "full":
    case "freeze":
    case "head":
      return () => true;
    case "lora":
    case "ia3":
      return isTarget(method.targets);
    case "loreft":
    case "direft":
    case "noreft": {
      const { layers } = method;
      return ({ facts }) => {
        const block = facts.block?.index;
        return block !== undefined && (layers === "all" || layers.includes(block));
      };
    }
    case "prompt-tuning":
    case "prefix-tuning":
      throw new InputError(
        `method ${method.type} trains virtual tokens, so there is no layer to choose; method freeze or lora has layers`,
      );
  }
}

/** As PEFT matches target modules: the end of a path, or an expression over all of it. */
function isTarget(targets: readonly string[] | string): (tensor: BaseTensor) => boolean {
  const fits = targetPredicate(targets);
  return ({ name, shape, facts: { role } }) =>
    shape.length === 2 && fits({ path: name.replace(/\.weight$/u, ""), role });
}
