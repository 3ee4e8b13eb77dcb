/** README.md of an adapter folder: the front matter that the Hugging Face Hub reads, then the facts. */
import { RETUNE_VERSION } from "../util/version.ts";
import type { PeftLoraConfig } from "./peft-config.ts";

export function peftModelCard(config: PeftLoraConfig): string {
  const base = config.base_model_name_or_path ?? "";
  const targets = [config.target_modules ?? []].flat().join(", ");
  const task = config.task_type === "CAUSAL_LM" ? ["pipeline_tag: text-generation"] : [];
  return [
    "---",
    // JSON's quoting is YAML's too.
    `base_model: ${JSON.stringify(base)}`,
    "library_name: peft",
    ...task,
    "tags:",
    `- ${JSON.stringify(`base_model:adapter:${base}`)}`,
    "- lora",
    "- transformers",
    "---",
    "",
    `# ${config.use_rslora ? "rsLoRA" : "LoRA"} adapter`,
    "",
    `- Base model: ${base || "not named"}`,
    `- Rank ${config.r}, alpha ${config.lora_alpha}, dropout ${config.lora_dropout}`,
    `- Target modules: ${targets || "not named"}`,
    "",
    "### Framework versions",
    "",
    `- Retune ${RETUNE_VERSION}`,
    "",
  ].join("\n");
}
