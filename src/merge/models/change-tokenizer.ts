/** The tokenizer's files of a merged model, where they are not a model's own. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { parseJsonObject, readJsonObject, readJsonTextIfThere } from "../../util/json.ts";
import { changedConfigText } from "../../tensors/config-text.ts";
import { vocabularyOf } from "./check-alike.ts";
import type { AddedToken, MergedVocabulary } from "./vocabulary.ts";

/**
 * tokenizer.json with the tokens that are added and without those beyond the embedding; tokenizer_config.json
 * without the latter, from which transformers would add them again.
 * @param dir where both are copied already
 */
export async function changeTokenizer(
  dir: string,
  { added, end }: Pick<MergedVocabulary, "added" | "end">,
): Promise<void> {
  const file = path.join(dir, "tokenizer.json");
  const tokenizer = await readJsonObject(file);
  const core = tokenizer["model"] as Record<string, unknown>;
  const all = (tokenizer["added_tokens"] ?? []) as AddedToken[];
  const vocabulary = vocabularyOf(core);
  const beyond = new Set([...vocabulary].filter(([, id]) => id >= end).map(([token]) => token));
  const isCut = beyond.size > 0 || all.some(({ id }) => id >= end);
  if (added.length === 0 && !isCut) return;
  const model = beyond.size > 0 ? { ...core, ...without(core, beyond) } : core;
  const added_tokens = [...all.filter(({ id }) => id < end), ...added];
  await writeFile(file, JSON.stringify({ ...tokenizer, added_tokens, model }), { flush: true });
  if (!isCut) return;
  const configFile = path.join(dir, "tokenizer_config.json");
  const text = await readJsonTextIfThere(configFile);
  if (text === undefined) return;
  const config = parseJsonObject(text, configFile);
  const { added_tokens_decoder: decoder } = config;
  if (typeof decoder !== "object" || decoder === null) return;
  const kept = Object.entries(decoder).filter(([id]) => Number(id) < end);
  const changed = { ...config, added_tokens_decoder: Object.fromEntries(kept) };
  await writeFile(configFile, changedConfigText(text, changed, configFile), { flush: true });
}

/** A BPE's vocabulary and merges without some tokens. */
function without(
  { vocab, merges }: Record<string, unknown>,
  tokens: ReadonlySet<string>,
): Record<string, unknown> {
  if (Array.isArray(vocab)) {
    return { vocab: vocab.filter((entry) => !tokens.has(String((entry as unknown[])[0]))) };
  }
  const kept = Object.entries(vocab as object).filter(([token]) => !tokens.has(token));
  const isKept = (merge: unknown): boolean => {
    const parts = typeof merge === "string" ? merge.split(" ") : (merge as string[]);
    return !tokens.has(parts.join("")) && parts.every((part) => !tokens.has(part));
  };
  return {
    vocab: Object.fromEntries(kept),
    ...(Array.isArray(merges) ? { merges: merges.filter(isKept) } : {}),
  };
}
