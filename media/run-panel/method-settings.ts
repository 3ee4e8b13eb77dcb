/** What the run panel says of a run's method. */
import type { Method } from "../../src/protocol/recipe.ts";
import { formatNumber } from "../shared/format.ts";

export interface Setting {
  label: string;
  value: string;
  /** Shown when the value is shortened: the whole path, the whole list. */
  title?: string;
}

const LORA_VARIANTS = { lora: "LoRA", rslora: "rsLoRA", dora: "DoRA" } as const;

const REFT_KINDS = { loreft: "LoReFT", direft: "DiReFT", noreft: "NoReFT" } as const;

/** One line for the header: "LoRA, rank 8". */
export function methodLabel(method: Method): string {
  switch (method.type) {
    case "lora":
      return `${LORA_VARIANTS[method.variant]}, rank ${method.rank}`;
    case "ia3":
      return "(IA)³";
    case "prompt-tuning":
      return `Prompt tuning, ${method.tokens} tokens`;
    case "prefix-tuning":
      return `Prefix tuning, ${method.tokens} tokens`;
    case "loreft":
    case "direft":
    case "noreft":
      return `${REFT_KINDS[method.type]}, rank ${method.rank}`;
    case "freeze":
      return "Frozen in part";
    case "head":
      return "Linear probe";
    case "full":
      return method.init === "random" ? "Full, from scratch" : "Full fine-tuning";
  }
}

export function methodSettings(method: Method): Setting[] {
  switch (method.type) {
    case "lora":
      return loraSettings(method);
    case "ia3":
      return [
        { label: "Method", value: "(IA)³" },
        { label: "Targets", value: targets(method.targets) },
        { label: "Input scaled", value: method.feedForward.join(", ") || "none" },
      ];
    case "prompt-tuning":
      return [
        { label: "Method", value: "prompt tuning" },
        { label: "Virtual tokens", value: String(method.tokens) },
        { label: "Start from", value: method.initText ?? method.init },
      ];
    case "prefix-tuning":
      return [
        { label: "Method", value: "prefix tuning" },
        { label: "Virtual tokens", value: String(method.tokens) },
      ];
    case "loreft":
    case "direft":
    case "noreft":
      return reftSettings(method);
    case "freeze":
    case "head":
      return [{ label: "Method", value: method.type }];
    case "full":
      return [
        { label: "Method", value: "full" },
        {
          label: "Start from",
          value: method.init === "random" ? "random weights" : "base weights",
        },
      ];
  }
}

function reftSettings(
  method: Extract<Method, { type: "loreft" | "direft" | "noreft" }>,
): Setting[] {
  return [
    { label: "Method", value: REFT_KINDS[method.type] },
    { label: "Rank", value: String(method.rank) },
    { label: "Blocks", value: method.layers === "all" ? "all" : method.layers.join(", ") },
    { label: "Positions", value: `${method.positions}, ${method.tied ? "tied" : "untied"}` },
    { label: "Dropout", value: formatNumber(method.dropout) },
  ];
}

function patternSetting(
  label: string,
  patterns: Readonly<Record<string, number>> | undefined,
): Setting[] {
  if (!patterns) return [];
  const value = Object.entries(patterns).map(([pattern, own]) => `${pattern}: ${own}`);
  return [{ label, value: value.join(", ") }];
}

function loraSettings(method: Extract<Method, { type: "lora" }>): Setting[] {
  return [
    { label: "Method", value: LORA_VARIANTS[method.variant] },
    ...(method.init === "pissa" ? [{ label: "Starts as", value: "principal part (PiSSA)" }] : []),
    { label: "Rank", value: String(method.rank) },
    { label: "Alpha", value: formatNumber(method.alpha) },
    { label: "Scale", value: formatNumber(loraScale(method)) },
    { label: "Dropout", value: formatNumber(method.dropout) },
    ...(method.loraPlusRatio === undefined
      ? []
      : [{ label: "LoRA+ ratio", value: formatNumber(method.loraPlusRatio) }]),
    { label: "Targets", value: targets(method.targets) },
    ...patternSetting("Ranks of", method.rankPattern),
    ...patternSetting("Alphas of", method.alphaPattern),
    ...(method.modulesToSave === undefined
      ? []
      : [{ label: "Trained whole", value: method.modulesToSave.join(", ") }]),
  ];
}

function loraScale(method: Extract<Method, { type: "lora" }>): number {
  return method.alpha / (method.variant === "rslora" ? Math.sqrt(method.rank) : method.rank);
}

function targets(value: string | readonly string[]): string {
  return typeof value === "string" ? value : value.join(", ");
}
