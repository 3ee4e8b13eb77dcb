/** Whether a causal language model's head is its embedding: as transformers 5 decides it, by config.json and by the weights. */
import type { JsonObject } from "../util/json.ts";
import { type TensorInfo, hasSameBytes } from "../tensors/safetensors.ts";
import { familyOf } from "./registry.ts";

/**
 * config.json, or where its `tie_word_embeddings` is not what the weights make of it, with that changed. A
 * model without a head's tensor shares the embedding, whatever the config says or leaves to its class. A head
 * that differs from the embedding is used, though the config ties them (transformers 4 ties them then).
 */
export async function withTrueTie(
  config: JsonObject,
  weights: ReadonlyMap<string, TensorInfo>,
): Promise<JsonObject> {
  const family = familyOf(config);
  const [embedding, head] = [weights.get(family.embedding), weights.get(family.head)];
  if (!embedding || isClassifier(config)) return config;
  const stated = config["tie_word_embeddings"];
  if (!head) return stated === true ? config : { ...config, tie_word_embeddings: true };
  if (stated !== true || (await hasSameBytes(embedding, head))) return config;
  return { ...config, tie_word_embeddings: false };
}

/** Has a head of another kind, and none for tokens. */
function isClassifier({ architectures }: JsonObject): boolean {
  const names: unknown[] = Array.isArray(architectures) ? architectures : [];
  return names.some((name) => /For(?:Sequence|Token)Classification$/u.test(String(name)));
}
