import type { ChoosableLayers } from "../method.ts";

/** Of methods that train the base itself every tensor can be chosen. */
export const ALL_TENSORS: ChoosableLayers = { kind: "tensors", key: "targets", has: () => true };
