/** What a head over rows said, row by row. */
import type { RowAnswer } from "../objectives/engine.ts";
import type { FedRow } from "../objectives/row-head.ts";

/**
 * @param rows of one run, in its order
 * @param results logits [B, labels] and features [B, C]
 */
export function answersOf(
  rows: readonly FedRow[],
  { logits, features }: { logits: Float32Array; features: Float32Array },
): RowAnswer[] {
  const part = (values: Float32Array, row: number): Float32Array => {
    const width = values.length / rows.length;
    return values.slice(row * width, (row + 1) * width);
  };
  return rows.map(({ example }, row) => ({
    example,
    logits: part(logits, row),
    features: part(features, row),
  }));
}
