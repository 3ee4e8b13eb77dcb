/** README.md of an adapter folder: the front matter that the Hugging Face Hub reads, then the facts. */
import { RETUNE_VERSION } from "../../util/version.ts";
import type { PeftConfig } from "./any-config.ts";
import { PEFT_KINDS } from "./kinds.ts";

export function peftModelCard(config: PeftConfig): string {
  const base = config.base_model_name_or_path ?? "";
  const kind = PEFT_KINDS.get(config.peft_type);
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
    `# ${kind.title(config)} adapter`,
    "",
    `- Base model: ${base || "not named"}`,
    ...kind.facts(config).map((fact) => `- ${fact}`),
    "",
    "### Framework versions",
    "",
    `- Retune ${RETUNE_VERSION}`,
    "",
  ].join("\n");
}
