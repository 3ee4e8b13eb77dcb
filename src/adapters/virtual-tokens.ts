/**
 * Tokens in front of every row that stand for no text. Prompt tuning (arXiv 2104.08691) trains their
 * embeddings; prefix tuning (arXiv 2101.00190) the keys and values that each layer finds at their
 * places, which are not rotated: PEFT gives them as a filled key-value cache. Names are PEFT's.
 */
import type { NamedShape } from "../graph/causal-lm.ts";
import type { Value } from "../graph/graph.ts";
import type { AdapterContext } from "./adapter.ts";

export interface PromptTuningAdapter {
  type: "prompt-tuning";
  /** Virtual tokens. */
  tokens: number;
  /** C. */
  width: number;
}

export interface PrefixTuningAdapter {
  type: "prefix-tuning";
  tokens: number;
  layers: number;
  /** K·D, of all key heads of a layer. */
  width: number;
}

const PROMPT_EMBEDDINGS = "prompt_embeddings";

export function promptTensors({ tokens, width }: PromptTuningAdapter): NamedShape[] {
  return [{ name: PROMPT_EMBEDDINGS, shape: [tokens, width] }];
}

/** Each row: of every layer the key, then the value. */
export function prefixTensors({ tokens, layers, width }: PrefixTuningAdapter): NamedShape[] {
  return [{ name: PROMPT_EMBEDDINGS, shape: [tokens, layers * 2 * width] }];
}

/** What the row's own tokens have, and rows of `table` [tokens,C] at the virtual ones. */
function replaced({ b, virtual }: AdapterContext, x: Value, table: Value): Value {
  const { isReal, isVirtual, slots } = virtual();
  const ofVirtual = b.apply("GatherRows", [table, slots], {});
  return b.add(b.mul(x, isReal), b.mul(ofVirtual, isVirtual));
}

export function promptEmbedded(context: AdapterContext): (x: Value) => Value {
  return (x) => replaced(context, x, context.tensor(PROMPT_EMBEDDINGS));
}

export function prefixKeysValues(
  { layers, width }: PrefixTuningAdapter,
  context: AdapterContext,
): (layer: number, heads: { k: Value; v: Value }) => { k: Value; v: Value } {
  let tables: readonly Value[] | undefined;
  return (layer, { k, v }) => {
    const { b, tensor } = context;
    const sizes = Array.from({ length: 2 * layers }, () => width);
    tables ??= b.split(tensor(PROMPT_EMBEDDINGS), { axis: 1, sizes });
    const [key, value] = tables.slice(2 * layer) as [Value, Value];
    return { k: replaced(context, k, key), v: replaced(context, v, value) };
  };
}
