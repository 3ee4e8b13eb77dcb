import type { Ia3Site } from "../adapters/ia3.ts";
import type { LoraSite } from "../adapters/lora.ts";
import type { CausalLm, LinearLayer } from "../graph/causal-lm.ts";
import { InputError } from "../util/errors.ts";
import type { PeftAdapter } from "../adapter-files/peft/adapter.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";

/**
 * Where a PEFT adapter attaches to this architecture.
 * @param name the adapter's folder, for messages
 * @throws InputError naming the tensor that the base has no place for or whose shape does not fit
 */
export function loraSitesOf(
  { modules }: PeftAdapter,
  { linearLayers }: CausalLm,
  name: string,
): LoraSite[] {
  return modules.map(({ path, a, b, scale, magnitude }): LoraSite => {
    const layer = placeOf(path, a, { linearLayers, name });
    const rank = a.shape[0] ?? 0;
    for (const [info, expected] of [
      [a, [rank, layer.inFeatures]],
      [b, [layer.outFeatures, rank]],
      [magnitude, [layer.outFeatures]],
    ] as const) {
      if (!info) continue;
      if (info.shape.join() === expected.join()) continue;
      throw new InputError(
        `${name}: tensor ${info.name} is [${info.shape.join(", ")}], but this base model calls for [${expected.join(", ")}]: the adapter was made for another base`,
      );
    }
    return { layer, rank, scale };
  });
}

/** Where an (IA)³ adapter attaches; shapes are checked where its tensors are read. */
export function ia3SitesOf(
  scales: ReadonlyMap<string, TensorInfo>,
  { linearLayers }: CausalLm,
  name: string,
): Ia3Site[] {
  return [...scales].map(([path, info]) => ({
    layer: placeOf(path, info, { linearLayers, name }),
    isFeedForward: info.shape[0] === 1,
  }));
}

function placeOf(
  path: string,
  tensor: TensorInfo,
  { linearLayers, name }: { linearLayers: readonly LinearLayer[]; name: string },
): LinearLayer {
  const layer = linearLayers.find((each) => each.path === path);
  if (layer) return layer;
  throw new InputError(
    `${name}: tensor ${tensor.name} has no place in this base model: the adapter was made for another base`,
  );
}
