/**
 * The two ways in which tokens see one another. While training and evaluating, rows stand in one
 * flat sequence of tokens for everything but attention, which spreads them into blocks, each row
 * apart. While decoding, new tokens look at a cache.
 */
import type { GraphBuilder } from "./builder.ts";
import type { Attend } from "./causal-lm.ts";
import { type Dim, dimAt, product } from "./dim.ts";
import type { Value } from "./graph.ts";

export interface Heads {
  heads: number;
  keyValueHeads: number;
  headSize: number;
}

/**
 * Inputs of row attention. Rows are padded to T = blocks·L tokens, for attention only; queries
 * stand in the order (block, row, head, place in block), keys and values in (row, head, place).
 */
export interface RowInputs {
  /** [blocks·B·H·L] and [N·H] int64: where each query head of a token stands, there and back. */
  spreadQueries: Value;
  collectQueries: Value;
  /** [B·K·T] and [N·K] int64. */
  spreadKeys: Value;
  collectKeys: Value;
  /** [blocks·B·H·L, 1], 1 for a token and 0 for padding. */
  real: Value;
  /** [1,1,L,T], for the last block: 0 where a query may look and a large negative number where not. */
  mask: Value;
}

/**
 * Causal attention within each row, by blocks of queries: a block reads only the keys up to its own
 * end, so that of the scores that causality hides only those inside the diagonal blocks are formed.
 */
export function rowAttention(
  b: GraphBuilder,
  inputs: RowInputs,
  { heads, keyValueHeads, headSize, blocks }: Heads & { blocks: number },
): Attend {
  const length = product([blocks, "L"]);
  const until = (block: number): Dim => product([block, "L"]);
  const prefix = (x: Value, axis: number, end: Dim): Value =>
    end === dimAt(x.shape, axis) ? x : b.apply("Slice", [x], { axis, start: 0, end });
  // Blocks share masks: all columns before the block's own are open.
  const masks = Array.from({ length: blocks }, (_, block) =>
    block === blocks - 1
      ? inputs.mask
      : b.apply("Slice", [inputs.mask], { axis: 3, start: until(blocks - 1 - block), end: length }),
  );
  const spread = (flat: Value, count: number, there: Value, back: Value): Value => {
    const rows = b.reshape(flat, [product([dimAt(flat.shape, 0), count]), headSize]);
    return b.apply("SpreadRows", [rows, there, back], {});
  };
  return ({ q, k, v, scale }) => {
    const { spreadQueries, collectQueries, spreadKeys, collectKeys, real } = inputs;
    const size = product(["B", heads, "L"]);
    const queries = b.split(spread(q, heads, spreadQueries, collectQueries), {
      axis: 0,
      sizes: masks.map(() => size),
    });
    const [keys, values] = [k, v].map((flat) =>
      b.reshape(spread(flat, keyValueHeads, spreadKeys, collectKeys), [
        "B",
        keyValueHeads,
        length,
        headSize,
      ]),
    ) as [Value, Value];
    const attended = queries.map((query, block) => {
      const mask = masks[block] as Value;
      const own = b.reshape(query, ["B", heads, "L", headSize]);
      const seen = [keys, values].map((x) => prefix(x, 2, until(block + 1)));
      const output = b.apply("Attention", [own, ...seen, mask], { scale });
      return b.reshape(output, [size, headSize]);
    });
    const joined = b.concat(attended, 0);
    const flat = b.apply("CollectRows", [joined, collectQueries, spreadQueries, real], {});
    return b.reshape(flat, q.shape);
  };
}

/** Inputs of cached attention: B rows of T new tokens each, after P old ones; S = P + T. */
export interface CacheInputs {
  /** [1,1,T,S], as RowInputs' mask. */
  mask: Value;
  /** Per layer the keys and values of earlier tokens, each [B,K,P,D]. */
  past: readonly { key: Value; value: Value }[];
}

export interface CachedAttention {
  attend: Attend;
  /** Per layer the keys and values of all S tokens, [B,K,S,D], filled as `attend` is called. */
  present: { key: Value; value: Value }[];
}

export function cachedAttention(
  b: GraphBuilder,
  { mask, past }: CacheInputs,
  { heads, keyValueHeads, headSize }: Heads,
): CachedAttention {
  const present: { key: Value; value: Value }[] = [];
  // (B*T, n*D) → (B, n, T, D)
  const split = (flat: Value, count: number): Value =>
    b.transpose(b.reshape(flat, ["B", "T", count, headSize]), [0, 2, 1, 3]);
  const attend: Attend = ({ layer, q, k, v, scale }) => {
    const before = past[layer];
    if (!before) throw new Error(`internal: no cache for layer ${layer}`);
    const extend = (old: Value, flat: Value): Value =>
      b.apply("Concat", [old, split(flat, keyValueHeads)], { axis: 2, size: "S" });
    const [key, value] = [extend(before.key, k), extend(before.value, v)];
    present[layer] = { key, value };
    const attended = b.apply("Attention", [split(q, heads), key, value, mask], { scale });
    return b.reshape(b.transpose(attended, [0, 2, 1, 3]), q.shape);
  };
  return { attend, present };
}
