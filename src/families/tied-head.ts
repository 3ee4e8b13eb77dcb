/** Whether a causal language model's head is its embedding: as transformers 5 decides it, by config.json and by the weights. */
import type { JsonObject } from "../util/json.ts";
import { type TensorInfo, hasSameBytes } from "../tensors/safetensors.ts";
import { familyOf } from "./registry.ts";

export interface TiedModel {
  config: JsonObject;
  weights: ReadonlyMap<string, TensorInfo>;
}

/**
 * What config.json and the weights come to together. A model without a head's tensor shares the embedding,
 * whatever the config says or leaves to its class. A head that differs from the embedding is used, though the
 * config ties them (transformers 4 ties them then). Of a tied pair that is stored under the head's name alone
 * the one tensor is the embedding.
 */
export async function withTrueTie(
  config: JsonObject,
  weights: ReadonlyMap<string, TensorInfo>,
): Promise<TiedModel> {
  const family = familyOf(config);
  const [embedding, head] = [weights.get(family.embedding), weights.get(family.head)];
  const asStated = { config, weights };
  if (isClassifier(config)) return asStated;
  const isStated = config["tie_word_embeddings"] === true;
  if (!embedding) {
    // Another family may call its embedding otherwise.
    if (!head || !isStated || !family.isKnown) return asStated;
    return { config, weights: renamed(weights, head, family.embedding) };
  }
  if (!head) {
    return isStated ? asStated : { config: { ...config, tie_word_embeddings: true }, weights };
  }
  if (!isStated || (await hasSameBytes(embedding, head))) return asStated;
  return { config: { ...config, tie_word_embeddings: false }, weights };
}

/** At its place among the others. */
function renamed(
  weights: ReadonlyMap<string, TensorInfo>,
  tensor: TensorInfo,
  name: string,
): ReadonlyMap<string, TensorInfo> {
  return new Map(
    [...weights].map((own) => (own[1] === tensor ? [name, { ...tensor, name }] : own)),
  );
}

/** Has a head of another kind, and none for tokens. */
function isClassifier({ architectures }: JsonObject): boolean {
  const names: unknown[] = Array.isArray(architectures) ? architectures : [];
  return names.some((name) => /For(?:Sequence|Token)Classification$/u.test(String(name)));
}
