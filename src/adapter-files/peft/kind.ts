/** What is to know of a `peft_type` without computing it: one file each in `kinds/`. */
import type { TensorInfo } from "../../tensors/safetensors.ts";
import type { PeftConfig } from "./any-config.ts";
import type { PeftExtras } from "./extras.ts";
import type { PeftFolder } from "./folder.ts";

export interface PeftContents {
  rank?: number;
  alpha?: number;
  virtualTokens?: number;
  /** The method's own. */
  tensors: readonly TensorInfo[];
  /** Modules of the base that it attaches to. */
  paths: readonly string[];
  /** What stands beside them. */
  extras?: PeftExtras;
}

export interface PeftKind {
  /** `peft_type`. */
  readonly name: string;
  /** It stands before the rows as tokens, and in no weight of the base; PEFT's wrapper is another then. */
  readonly hasVirtualTokens?: true;
  /** "DoRA" */
  title(config: PeftConfig): string;
  /** For the folder's README.md. */
  facts(config: PeftConfig): string[];
  /** @throws InputError naming the key or tensor that is no part of such an adapter */
  contents(folder: PeftFolder): PeftContents;
}

/** "Target modules: q_proj, v_proj" */
export function modulesFact(config: PeftConfig): string {
  const targets = [config["target_modules"] ?? []].flat().join(", ");
  return `Target modules: ${targets || "not named"}`;
}
