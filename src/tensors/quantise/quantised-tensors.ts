/**
 * A weight [out, in] as two tensors of a safetensors file: `NAME.codes`, and `NAME.scales` [blocks].
 * It passes through memory in pieces of whole rows.
 */
import { InputError, InternalError } from "../../util/errors.ts";
import { DTYPE_BYTES, isFloatDType, toFloat32 } from "../dtype.ts";
import { type TensorInfo, type TensorToWrite, readTensorChunks } from "../safetensors.ts";
import { BLOCK_SIZE, type BlockType, quantiseBlocks } from "./block-codes.ts";

/** Bounds the memory that quantising takes. */
const PIECE_BYTES = 2 ** 22;
const SCALE_BYTES = 2;

export const codesName = (weight: string): string => `${weight}.codes`;
export const scalesName = (weight: string): string => `${weight}.scales`;

/**
 * @returns codes, then scales: the file must hold them in this order, as the scales are known only
 *   once the codes have been made
 * @throws InputError naming a weight whose rows are not whole blocks; while it is written, one with
 *   a value that no block can hold
 */
export function quantisedTensors(
  source: TensorInfo,
  type: BlockType,
): readonly [TensorToWrite, TensorToWrite] {
  const { name, shape, file, dtype } = source;
  const [rows = 0, columns = 0] = shape;
  if (shape.length !== 2 || columns % BLOCK_SIZE !== 0) {
    throw new InputError(
      `${file}: tensor ${name} [${shape.join(", ")}] has rows of ${columns} values, which are not whole blocks of ${BLOCK_SIZE}; train it with "quantization": "none"`,
    );
  }
  if (!isFloatDType(dtype)) throw new InternalError(`${name} is ${dtype}`);
  const blocks = (rows * columns) / BLOCK_SIZE;
  const scales = new Uint8Array(blocks * SCALE_BYTES);
  let done = 0;
  async function* codes(): AsyncIterable<Uint8Array> {
    done = 0;
    for await (const piece of pieces(source)) {
      const quantised = quantiseBlocks(piece, type);
      checkScales(quantised.scales, { source, piece, firstBlock: done / SCALE_BYTES });
      scales.set(quantised.scales, done);
      done += quantised.scales.length;
      yield quantised.codes;
    }
  }
  return [
    {
      name: codesName(name),
      ...(type === "int8"
        ? { dtype: "I8", shape: [rows, columns] }
        : { dtype: "U8", shape: [rows, columns / 2] }),
      data: codes,
    },
    {
      name: scalesName(name),
      dtype: "F16",
      shape: [blocks],
      data: () => {
        if (done !== scales.length) throw new InternalError(`scales of ${name} before its codes`);
        return Promise.resolve(scales);
      },
    },
  ];
}

/** float32, in pieces of whole rows. */
async function* pieces(source: TensorInfo): AsyncIterable<Float32Array> {
  const rowBytes = (source.shape[1] ?? 0) * DTYPE_BYTES[source.dtype];
  const chunkBytes = rowBytes * Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  for await (const bytes of readTensorChunks(source, chunkBytes)) {
    yield toFloat32(bytes, source.dtype);
  }
}

function checkScales(
  scales: Uint8Array,
  { source, piece, firstBlock }: { source: TensorInfo; piece: Float32Array; firstBlock: number },
): void {
  const block = toFloat32(scales, "F16").findIndex((scale) => !Number.isFinite(scale));
  if (block === -1) return;
  const values = piece.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE);
  const magnitude = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const found = values.find((value) => !Number.isFinite(value)) ?? magnitude;
  const row = Math.floor(((firstBlock + block) * BLOCK_SIZE) / (source.shape[1] ?? 1));
  throw new InputError(
    `${source.file}: tensor ${source.name} has ${found} in row ${row}, which can't be quantised; the weights are damaged, or train with "quantization": "none"`,
  );
}
