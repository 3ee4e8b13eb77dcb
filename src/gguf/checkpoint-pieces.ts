/** A .gguf's tensors as the import writes them. */
import type { DType } from "../tensors/dtype.ts";
import type { GgmlType } from "./ggml-types.ts";
import type { CheckpointTensor } from "./gguf-family.ts";
import { readRaw, toFloats } from "./read-tensor.ts";

/** Bounds the memory that an import takes. */
const PIECE_BYTES = 2 ** 23;

const KEPT_TYPES: Partial<Record<GgmlType["name"], DType>> = {
  F32: "F32",
  F16: "F16",
  BF16: "BF16",
};

export function writtenType({ name }: GgmlType): DType {
  return KEPT_TYPES[name] ?? "F32";
}

/** A tensor as it is written, in pieces of whole rows, and for q and k of whole heads. */
export async function* checkpointPieces(
  file: string,
  { source, interleavedHeads }: CheckpointTensor,
  pieceBytes = PIECE_BYTES,
): AsyncIterable<Uint8Array> {
  const [rows = 1, ...rest] = source.shape;
  const rowBytes = source.byteLength / rows;
  const unit = interleavedHeads ? rows / interleavedHeads : 1;
  const step = unit * Math.max(1, Math.floor(pieceBytes / (rowBytes * unit)));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const piece = {
      ...source,
      shape: [count, ...rest],
      byteOffset: source.byteOffset + row * rowBytes,
      byteLength: count * rowBytes,
    };
    const raw = await readRaw(file, piece);
    const bytes = interleavedHeads ? restoreHalves(raw, count, count / unit) : raw;
    yield source.type.name in KEPT_TYPES ? bytes : new Uint8Array(toFloats(bytes, piece).buffer);
  }
}

/**
 * llama.cpp rotates neighbouring rows, transformers the first half of a head with its second; its
 * converter reorders the rows of q and k for that. This puts them back: row p + s·D/2 of a head
 * from row 2p + s, s = 0, 1. Rows hold whole blocks, so they move while still quantised.
 */
function restoreHalves(bytes: Uint8Array, rows: number, heads: number): Uint8Array {
  const rowBytes = bytes.length / rows;
  const half = rows / heads / 2;
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    const head = Math.floor(row / (2 * half));
    const within = row % (2 * half);
    const from = head * 2 * half + 2 * (within % half) + Math.floor(within / half);
    out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return out;
}
