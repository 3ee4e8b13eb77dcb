import { tuneBase } from "../base-tensors.ts";
import type { TrainingMethod } from "../method.ts";

/** Every tensor of the base. */
export const full: TrainingMethod = { name: "full", tune: tuneBase };
