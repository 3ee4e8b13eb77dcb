import { tuneBase } from "../base-tensors.ts";
import type { TrainingMethod } from "../method.ts";

/** A part of the base: what the recipe's choice of layers leaves. */
export const freeze: TrainingMethod = { name: "freeze", tune: tuneBase };
