/** README.md of a merged model: the front matter that the Hugging Face Hub reads, then what was merged. */
import path from "node:path";
import { RETUNE_VERSION } from "../util/version.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";
import type { MergeAdapter } from "./adapter-changes.ts";

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

export interface MethodMergeCard {
  /** Folders of all models, the base among them. */
  models: readonly string[];
  base: string | undefined;
  title: string;
  paper: string | undefined;
  seed: number | undefined;
  /** The configuration, with names where it has folders. */
  yaml: string;
}

export function methodMergeCard(merge: MethodMergeCard): string {
  const { models, base, title, paper, seed, yaml } = merge;
  const names = models.map(baseName);
  const named = paper === undefined ? title : `[${title}](${paper})`;
  const over = base === undefined ? "" : `, with ${baseName(base)} as its base`;
  const random = seed === undefined ? "" : ` The random masks are those of seed ${seed}.`;
  return [
    "---",
    "base_model:",
    ...names.map((name) => `- ${JSON.stringify(name)}`),
    "base_model_relation: merge",
    "library_name: transformers",
    "tags:",
    "- merge",
    "---",
    "",
    `# ${names.join(" + ")}`,
    "",
    `Merged by Retune ${RETUNE_VERSION} with the method ${named}${over}, in float32 or better, rounded once.${random}`,
    "",
    "The configuration:",
    "",
    "```yaml",
    yaml.trimEnd(),
    "```",
    "",
  ].join("\n");
}

/** The repository's name for a snapshot of Hugging Face's cache, else the folder's own; no path of this machine. */
export function baseName(dir: string): string {
  const [, repository] = /models--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(dir) ?? [];
  if (repository !== undefined) return repository.replaceAll("--", "/");
  const name = path.basename(dir);
  // A run's result: many have this name.
  return name === "model" ? `${path.basename(path.dirname(dir))}/${name}` : name;
}
