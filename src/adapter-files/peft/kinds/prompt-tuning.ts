import type { PeftConfig } from "../any-config.ts";
import type { PeftFolder } from "../folder.ts";
import type { PeftContents, PeftKind } from "../kind.ts";
import { promptEmbeddings } from "../others.ts";

export function tokensFact(config: PeftConfig): string {
  return `Virtual tokens: ${String(config["num_virtual_tokens"])}`;
}

export function virtualContents(folder: PeftFolder): PeftContents {
  const info = promptEmbeddings(folder);
  return { virtualTokens: info.shape[0] ?? 0, tensors: [info], paths: [] };
}

export const PROMPT_TUNING: PeftKind = {
  name: "PROMPT_TUNING",
  hasVirtualTokens: true,
  title: () => "Prompt tuning",
  facts: (config) => [tokensFact(config)],
  contents: virtualContents,
};

/** Leaves the same behind: what made the embeddings in training PEFT does not save. */
export const P_TUNING: PeftKind = { ...PROMPT_TUNING, name: "P_TUNING", title: () => "P-tuning" };
