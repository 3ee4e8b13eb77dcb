/** README.md of an adapter folder: the front matter that the Hugging Face Hub reads, then the facts. */
import { RETUNE_VERSION } from "../../util/version.ts";
import type { PeftConfig } from "./any-config.ts";

export function peftModelCard(config: PeftConfig): string {
  const base = config.base_model_name_or_path ?? "";
  const { title, facts } = describe(config);
  const task = config.task_type === "CAUSAL_LM" ? ["pipeline_tag: text-generation"] : [];
  return [
    "---",
    // JSON's quoting is YAML's too.
    `base_model: ${JSON.stringify(base)}`,
    "library_name: peft",
    ...task,
    "tags:",
    `- ${JSON.stringify(`base_model:adapter:${base}`)}`,
    `- ${config.peft_type.toLowerCase().replaceAll("_", "-")}`,
    "- transformers",
    "---",
    "",
    `# ${title} adapter`,
    "",
    `- Base model: ${base || "not named"}`,
    ...facts.map((fact) => `- ${fact}`),
    "",
    "### Framework versions",
    "",
    `- Retune ${RETUNE_VERSION}`,
    "",
  ].join("\n");
}

function describe(config: PeftConfig): { title: string; facts: string[] } {
  const targets = [config["target_modules"] ?? []].flat().join(", ");
  const modules = `Target modules: ${targets || "not named"}`;
  const tokens = `Virtual tokens: ${String(config["num_virtual_tokens"])}`;
  switch (config.peft_type) {
    case "LORA": {
      const title = config["use_dora"] ? "DoRA" : config["use_rslora"] ? "rsLoRA" : "LoRA";
      const { r, lora_alpha: alpha, lora_dropout: dropout } = config;
      return { title, facts: [`Rank ${r}, alpha ${alpha}, dropout ${dropout}`, modules] };
    }
    case "IA3":
      return { title: "(IA)³", facts: [modules] };
    case "PROMPT_TUNING":
      return { title: "Prompt tuning", facts: [tokens] };
    default:
      return { title: "Prefix tuning", facts: [tokens] };
  }
}
