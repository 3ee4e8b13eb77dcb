/**
 * A base tensor with the adapters' changes, a few rows at a time: computed in float32 or better, then
 * rounded once to the base's own type. What is in memory is the adapters' tensors and one piece of W.
 */
import { InputError } from "../../util/errors.ts";
import { DTYPE_BYTES, narrow, toFloat32, widen } from "../../tensors/dtype.ts";
import { type TensorInfo, readTensor, readTensorChunks } from "../../tensors/safetensors.ts";
import { readFully, writeFully } from "../../tensors/tensor-bytes.ts";
import type { TaskTools, TensorTask } from "../../tensors/tensor-tasks.ts";
import type { Change } from "./changes.ts";
import type { MergedTensor } from "./changed-tensors.ts";

/** Large enough that a disk is read at full speed, and small enough for one in each thread. */
const CHUNK_BYTES = 2 ** 20;

interface Delta {
  /** In the sums' own type: no conversion in the inner loop. */
  a: Float64Array;
  b: Float32Array;
  rank: number;
  scale: number;
}

type LoraChange = Extract<Change, { type: "low-rank" }>;

/** Changes one row in place. */
type RowChange = (target: Float32Array, row: number) => void;

export interface AdapterTask extends TensorTask {
  readonly type: "adapters";
  readonly merged: MergedTensor;
}

/** @throws InputError when the base holds NaN or infinity, or a value does not fit its type */
export async function runAdapterTask(
  { merged, output }: AdapterTask,
  { files, onBytes }: TaskTools,
): Promise<void> {
  const { source, changes, dtype } = merged;
  const columns = columnsOf(source);
  const apply: RowChange[] = [];
  for (const change of changes) apply.push(await rowChange(change, source));
  const [rowBytes, outBytes] = [columns * DTYPE_BYTES[source.dtype], columns * DTYPE_BYTES[dtype]];
  const rows = source.byteLength / rowBytes;
  const atOnce = Math.min(rows, Math.max(1, Math.floor(CHUNK_BYTES / rowBytes)));
  const stored = new Uint8Array(atOnce * rowBytes);
  const values = new Float32Array(atOnce * columns);
  const rounded = new Uint8Array(atOnce * outBytes);
  for (let row = 0; row < rows; row += atOnce) {
    const count = Math.min(atOnce, rows - row);
    const bytes = stored.subarray(0, count * rowBytes);
    readFully(source, bytes, { files, start: row * rowBytes });
    const piece = values.subarray(0, count * columns);
    if (!widen(bytes, source.dtype, piece)) throw damagedBase(piece, source);
    for (let i = 0; i < count; i++) {
      const target = piece.subarray(i * columns, (i + 1) * columns);
      for (const one of apply) one(target, row + i);
    }
    const written = rounded.subarray(0, count * outBytes);
    if (!narrow(piece, dtype, written)) {
      throw beyond(output.name, { rounded: written, values: piece, dtype, changes });
    }
    writeFully(files.writing(output.file), written, output.byteOffset + row * outBytes);
    onBytes(written.byteLength);
  }
}

/** A bias is a row for each of its elements. */
function columnsOf({ shape }: TensorInfo): number {
  return shape.length === 2 ? shape[1]! : 1;
}

async function rowChange(change: Change, source: TensorInfo): Promise<RowChange> {
  const { weight } = change;
  const columns = columnsOf(source);
  switch (change.type) {
    case "low-rank":
      return loraChange(change, source, columns);
    case "scale": {
      const scales = Float64Array.from(await readTensor(change.scales), (scale) =>
        change.isInverse ? 1 / scale : 1 + weight * (scale - 1),
      );
      if (change.axis === "rows") {
        return (target, row) => {
          for (let j = 0; j < columns; j++) target[j] = target[j]! * scales[row]!;
        };
      }
      return (target) => {
        for (let j = 0; j < columns; j++) target[j] = target[j]! * scales[j]!;
      };
    }
    case "replace": {
      const values = await readTensor(change.values);
      return (target, row) => move(target, { values, row, weight });
    }
    case "rows": {
      const values = await readTensor(change.values);
      const rows = new Map(change.tokens.map((token, row) => [token, row]));
      return (target, token) => {
        const row = rows.get(token);
        if (row !== undefined) move(target, { values, row, weight });
      };
    }
  }
}

/** A share of the way to a row of `values`. */
function move(
  target: Float32Array,
  { values, row, weight }: { values: Float32Array; row: number; weight: number },
): void {
  const columns = target.length;
  for (let j = 0; j < columns; j++) {
    target[j] = moved(target[j]!, values[row * columns + j]!, weight);
  }
}

/** A share of the way from one value to another; the whole way ends at the other exactly. */
export function moved(from: number, to: number, weight: number): number {
  return weight === 1 ? to : from + weight * (to - from);
}

async function loraChange(
  change: LoraChange,
  source: TensorInfo,
  columns: number,
): Promise<RowChange> {
  const { weight, factors } = change;
  const delta = await deltaOf(change);
  const lengths = factors.magnitude && (await readTensor(factors.magnitude));
  const sums = new Float64Array(columns);
  if (!lengths) {
    return (target, row) => {
      sums.fill(0);
      addRow(sums, delta, row);
      for (let j = 0; j < columns; j++) target[j] = target[j]! + weight * sums[j]!;
    };
  }
  const whole = new Float32Array(columns);
  const stretches = change.isEmbedding ? await columnFactors(source, delta, lengths) : undefined;
  return (target, row) => {
    sums.fill(0);
    addRow(sums, delta, row);
    for (let j = 0; j < columns; j++) whole[j] = target[j]! + sums[j]!;
    if (stretches) whole.forEach((value, j) => (whole[j] = value * stretches[j]!));
    else stretch(whole, lengths[row]!);
    for (let j = 0; j < columns; j++) {
      target[j] = moved(target[j]!, whole[j]!, weight);
    }
  };
}

/** DoRA of the embeddings: lengths over the norms of the changed table's columns, read through once. */
async function columnFactors(
  source: TensorInfo,
  delta: Delta,
  lengths: Float32Array,
): Promise<Float64Array> {
  const columns = lengths.length;
  const [squares, sums] = [new Float64Array(columns), new Float64Array(columns)];
  let row = 0;
  const rowBytes = columns * DTYPE_BYTES[source.dtype];
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  for await (const bytes of readTensorChunks(source, rowsPerChunk * rowBytes)) {
    const values = toFloat32(bytes, source.dtype);
    for (let at = 0; at < values.length; at += columns, row++) {
      sums.fill(0);
      addRow(sums, delta, row);
      for (let j = 0; j < columns; j++)
        squares[j] = squares[j]! + (values[at + j]! + sums[j]!) ** 2;
    }
  }
  return squares.map((square, j) => lengths[j]! / Math.sqrt(square));
}

/** The factors of embeddings [V,C] stand the other way: (B·A)ᵀ = Aᵀ·Bᵀ. */
async function deltaOf({ factors: { a, b, scale }, isEmbedding }: LoraChange): Promise<Delta> {
  const [first, second] = [await readTensor(a), await readTensor(b)];
  const rank = a.shape[0]!;
  if (!isEmbedding) return { a: Float64Array.from(first), b: second, rank, scale };
  return {
    a: Float64Array.from(transposed(second, b.shape)),
    b: transposed(first, a.shape),
    rank,
    scale,
  };
}

function transposed(
  values: Float32Array,
  [rows = 0, columns = 0]: readonly number[],
): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j]!;
  }
  return out;
}

function damagedBase(values: Float32Array, { file, name }: TensorInfo): InputError {
  const found = values.find((value) => !Number.isFinite(value));
  return new InputError(
    `${file}: tensor ${name} holds ${found}: the base is damaged, and a merge would hide it`,
  );
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
function beyond(
  name: string,
  {
    rounded,
    values,
    dtype,
    changes,
  }: Omit<MergedTensor, "source"> & { rounded: Uint8Array; values: Float32Array },
): InputError {
  const at = toFloat32(rounded, dtype).findIndex((value) => !Number.isFinite(value));
  const adapters = [...new Set(changes.map(({ adapterDir }) => adapterDir))].join(", ");
  return new InputError(
    `${name}: merging ${adapters} gives ${values[at]}, which ${dtype} cannot hold; convert the base to BF16 or F32 first`,
  );
}
