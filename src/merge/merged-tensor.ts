/**
 * W' = W + Σ scale·B·A (each row then stretched to DoRA's length), a few rows at a time: computed in float32 or better, then rounded once to
 * the base's own type. What is in memory is the factors and one piece of W.
 */
import { InputError } from "../util/errors.ts";
import { DTYPE_BYTES, fromFloat32, toFloat32 } from "../weights/dtype.ts";
import { readTensor, readTensorChunks } from "../weights/safetensors.ts";
import type { MergedTensor } from "./merge-plan.ts";

/** Large enough that a disk is read at full speed. */
const CHUNK_BYTES = 2 ** 24;

interface Delta {
  /** In the sums' own type: no conversion in the inner loop. */
  a: Float64Array;
  b: Float32Array;
  rank: number;
  scale: number;
}

/**
 * The merged tensor's bytes, in pieces.
 * @param name in the output, for messages
 * @throws InputError when a value does not fit the base's type
 */
export async function* mergedChunks(
  name: string,
  { source, factors }: MergedTensor,
): AsyncGenerator<Uint8Array> {
  const deltas: Delta[] = [];
  for (const { a, b, scale } of factors) {
    const wide = Float64Array.from(await readTensor(a));
    deltas.push({ a: wide, b: await readTensor(b), rank: a.shape[0]!, scale });
  }
  const columns = source.shape[1]!;
  const [first] = factors;
  const lengths = first?.magnitude && (await readTensor(first.magnitude));
  const rowBytes = columns * DTYPE_BYTES[source.dtype];
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  const sums = new Float64Array(columns);
  let row = 0;
  for await (const bytes of readTensorChunks(source, rowsPerChunk * rowBytes)) {
    const values = toFloat32(bytes, source.dtype);
    const rows = values.length / columns;
    for (let i = 0; i < rows; i++) {
      const target = values.subarray(i * columns, (i + 1) * columns);
      sums.fill(0);
      for (const delta of deltas) addRow(sums, delta, row + i);
      for (let j = 0; j < columns; j++) target[j] = target[j]! + sums[j]!;
      if (lengths) stretch(target, lengths[row + i]!);
    }
    const rounded = fromFloat32(values, source.dtype);
    checkFinite(rounded, { name, source, values, factors });
    yield rounded;
    row += rows;
  }
}

/** sums += scale · B[row] · A; eight rows of A at a time keep the sums in registers and cache. */
function addRow(sums: Float64Array, { a, b, rank, scale }: Delta, row: number): void {
  const columns = sums.length;
  const factor = (r: number): number => b[row * rank + r]! * scale;
  let r = 0;
  for (; r + 8 <= rank; r += 8) {
    const [b0, b1, b2, b3] = [factor(r), factor(r + 1), factor(r + 2), factor(r + 3)];
    const [b4, b5, b6, b7] = [factor(r + 4), factor(r + 5), factor(r + 6), factor(r + 7)];
    const a0 = r * columns;
    const [a1, a2, a3] = [a0 + columns, a0 + 2 * columns, a0 + 3 * columns];
    const [a4, a5, a6, a7] = [a3 + columns, a3 + 2 * columns, a3 + 3 * columns, a3 + 4 * columns];
    for (let j = 0; j < columns; j++) {
      sums[j] =
        sums[j]! +
        (b0 * a[a0 + j]! + b1 * a[a1 + j]! + (b2 * a[a2 + j]! + b3 * a[a3 + j]!)) +
        (b4 * a[a4 + j]! + b5 * a[a5 + j]! + (b6 * a[a6 + j]! + b7 * a[a7 + j]!));
    }
  }
  for (; r < rank; r++) {
    const single = factor(r);
    const from = r * columns;
    for (let j = 0; j < columns; j++) sums[j] = sums[j]! + single * a[from + j]!;
  }
}

function stretch(row: Float32Array, length: number): void {
  let sum = 0;
  for (const value of row) sum += value * value;
  const factor = length / Math.sqrt(sum);
  for (let j = 0; j < row.length; j++) row[j] = row[j]! * factor;
}

/** Values beyond the type's range round to infinity. */
function checkFinite(
  rounded: Uint8Array,
  { name, source, values, factors }: MergedTensor & { name: string; values: Float32Array },
): void {
  const stored = toFloat32(rounded, source.dtype);
  for (let i = 0; i < stored.length; i++) {
    if (Number.isFinite(stored[i]!)) continue;
    const adapters = [...new Set(factors.map(({ adapterDir }) => adapterDir))].join(", ");
    throw new InputError(
      `${name}: merging ${adapters} gives ${values[i]}, which ${source.dtype} cannot hold; convert the base to BF16 or F32 first`,
    );
  }
}
