import type { LoraSite } from "../adapters/lora.ts";
import type { CausalLm } from "../graph/causal-lm.ts";
import { InputError } from "../util/errors.ts";
import type { PeftAdapter } from "../weights/peft-adapter.ts";

/**
 * Where a PEFT adapter attaches to this architecture.
 * @param name the adapter's folder, for messages
 * @throws InputError naming the tensor that the base has no place for or whose shape does not fit
 */
export function adapterSites(
  { modules }: PeftAdapter,
  { linearLayers }: CausalLm,
  name: string,
): LoraSite[] {
  return modules.map(({ path, a, b, scale }): LoraSite => {
    const layer = linearLayers.find((each) => each.path === path);
    if (!layer) {
      throw new InputError(
        `${name}: tensor ${a.name} has no place in this base model: the adapter was made for another base`,
      );
    }
    const rank = a.shape[0] ?? 0;
    for (const [info, expected] of [
      [a, [rank, layer.inFeatures]],
      [b, [layer.outFeatures, rank]],
    ] as const) {
      if (info.shape.join() === expected.join()) continue;
      throw new InputError(
        `${name}: tensor ${info.name} is [${info.shape.join(", ")}], but this base model calls for [${expected.join(", ")}]: the adapter was made for another base`,
      );
    }
    return { layer, rank, scale };
  });
}
