/** The objectives that this version can train: one line each. What recipes know of them is in protocol/objectives.ts. */
import type { BaseModel } from "../models/base-model.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { Registry } from "../util/registry.ts";
import { classification } from "./classification.ts";
import type { Objective } from "./objective.ts";
import type { RowHead } from "./row-head.ts";
import { sft } from "./sft.ts";

export const TRAINED_OBJECTIVES = new Registry<Objective>("objective", [
  sft as Objective,
  classification as Objective,
]);

/** @throws InputError for an objective that is not known */
export function objectiveOf({ objective }: Pick<ResolvedRecipe, "objective">): Objective {
  return TRAINED_OBJECTIVES.get(objective.type);
}

/** What a base with a head over rows is to an engine that knows no objective; undefined where it predicts tokens. */
export function rowHeadOf(base: Pick<BaseModel, "classifier">): RowHead | undefined {
  for (const objective of TRAINED_OBJECTIVES.all) {
    const head = objective.rowHead?.(base);
    if (head) return head;
  }
  return undefined;
}
