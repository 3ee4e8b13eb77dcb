/** README.md of a merged model: the front matter that the Hugging Face Hub reads, then what was merged. */
import path from "node:path";
import { RETUNE_VERSION } from "../util/version.ts";
import type { PeftAdapter } from "../weights/peft-adapter.ts";

export interface MergeCard {
  baseDir: string;
  adapters: readonly PeftAdapter[];
  untiesHead: boolean;
}

export function mergeModelCard({ baseDir, adapters, untiesHead }: MergeCard): string {
  const base = baseName(baseDir);
  return [
    "---",
    `base_model: ${JSON.stringify(base)}`,
    "base_model_relation: finetune",
    "library_name: transformers",
    "tags:",
    "- merge",
    "- lora",
    "---",
    "",
    `# ${base}, merged`,
    "",
    `LoRA adapters merged into the weights of ${base} by Retune ${RETUNE_VERSION}:`,
    "W' = W + Σ scale · B · A, computed in float32 and rounded to the base's own number format.",
    "",
    "| adapter | rank | alpha | scale | modules |",
    "|---|---|---|---|---|",
    ...adapters.map(row),
    ...(untiesHead
      ? [
          "",
          "An adapter changes the head, which the base shares with its embedding: here they are two.",
        ]
      : []),
    "",
  ].join("\n");
}

function row({ dir, config, modules }: PeftAdapter): string {
  const scales = [...new Set(modules.map(({ scale }) => Number(scale.toPrecision(6))))];
  const method = config.use_rslora ? " (rsLoRA)" : "";
  return `| ${path.basename(dir)}${method} | ${config.r} | ${config.lora_alpha} | ${scales.join(", ")} | ${modules.length} |`;
}

/** The repository's name for a snapshot of Hugging Face's cache, else the folder's own; never a path. */
function baseName(dir: string): string {
  const [, repository] = /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(dir) ?? [];
  return repository?.replaceAll("--", "/") ?? path.basename(dir);
}
