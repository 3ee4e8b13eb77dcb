import { type LoraModule, loraAdapterOf } from "../../../adapter-files/peft/adapter.ts";
import type { PeftFolder } from "../../../adapter-files/peft/folder.ts";
import type { MergeKind, NamedChange, ReadChanges } from "../changes.ts";

export const LORA: MergeKind = { name: "LORA", changes: loraChanges };

function loraChanges(folder: PeftFolder, weight: number): ReadChanges {
  const lora = loraAdapterOf(folder);
  const { dir, config, modules, embedding, extras } = lora;
  const shared = { adapterDir: dir, weight };
  const named = (factors: LoraModule, isEmbedding: boolean): NamedChange => ({
    name: `${factors.path}.weight`,
    change: { ...shared, type: "low-rank", factors, isEmbedding },
  });
  const changes = [
    ...modules.map((factors) => named(factors, false)),
    ...(embedding ? [named(embedding, true)] : []),
  ];
  const variant = config.use_dora ? "DoRA" : "LoRA";
  const method = config.use_rslora ? `${variant}, rsLoRA` : variant;
  return { dir, weight, method, lora, changes, extras, modules: changes.length };
}
