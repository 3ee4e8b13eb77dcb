import type { TrainingMethod } from "../method.ts";

/** Linear probe: nothing but the new head, which is trained whatever the method. */
export const head: TrainingMethod = { name: "head", tune: () => ({}) };
