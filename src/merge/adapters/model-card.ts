/** README.md of a base with adapters merged into it: the front matter that the Hugging Face Hub reads, then what was merged. */
import path from "node:path";
import { RETUNE_VERSION } from "../../util/version.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import type { MergeAdapter } from "./changes.ts";

export interface MergeCard {
  /** What the base is called. */
  base: string;
  adapters: readonly MergeAdapter[];
  untiesHead: boolean;
  /** A classifier's, where the base has none like it. */
  newHead: TensorInfo | undefined;
}

export function mergeModelCard({ base, adapters, untiesHead, newHead }: MergeCard): string {
  return [
    "---",
    `base_model: ${JSON.stringify(base)}`,
    "base_model_relation: finetune",
    "library_name: transformers",
    "tags:",
    "- merge",
    ...(adapters.some(({ lora }) => lora) ? ["- lora"] : []),
    "---",
    "",
    `# ${base}, merged`,
    "",
    `Adapters merged into the weights of ${base} by Retune ${RETUNE_VERSION}: each moves W by its weight`,
    "towards what it makes of it (LoRA: W + scale · B · A), computed in float32 and rounded to the base's own",
    "number format.",
    "",
    "| adapter | method | weight | rank | alpha | scale | modules |",
    "|---|---|---|---|---|---|---|",
    ...adapters.map(row),
    ...(untiesHead
      ? [
          "",
          "An adapter changes head or embedding, which the base holds as one: here they are two.",
        ]
      : []),
    ...(newHead
      ? ["", "The head that labels is the adapter's own, whole, whatever its weight."]
      : []),
    "",
  ].join("\n");
}

function row({ dir, weight, method, lora, modules }: MergeAdapter): string {
  const scales = new Set(lora?.modules.map(({ scale }) => Number(scale.toPrecision(6))));
  const size = lora
    ? [lora.config.r, lora.config.lora_alpha, [...scales].join(", ")]
    : ["", "", ""];
  return `| ${[path.basename(dir), method, weight, ...size, modules].join(" | ")} |`;
}
