import type { ChoosableLayers } from "../method.ts";
import { LAYER_KEYS, type SharedRecipe } from "../recipe-keys.ts";

/** Methods that train the base itself can train any of its tensors. */
export const ALL_TENSORS: ChoosableLayers = { kind: "tensors", key: "targets", has: () => true };

type LayerKey = keyof typeof LAYER_KEYS;

/** The keys by which a recipe chooses layers. */
export function chosenLayers(recipe: Pick<SharedRecipe, LayerKey>): LayerKey[] {
  return (Object.keys(LAYER_KEYS) as LayerKey[]).filter((key) => recipe[key] !== undefined);
}
