/**
 * One tensor of a merged model, from the files of the models to its place in the output: read in pieces,
 * widened, combined by a method, rounded once, written. Synchronous, and plain data goes in, so that a thread
 * of its own can do it (merge-thread.ts).
 */
import { InputError } from "../util/errors.ts";
import { DTYPE_BYTES, type FloatDType, narrow, toFloat32, widen } from "../weights/dtype.ts";
import {
  type Figures,
  type MergeTensor,
  STRETCH_ALIGNMENT,
  type Stretch,
} from "./methods/method.ts";
import type { MethodName } from "../protocol/merge-config.ts";
import { METHODS } from "./methods/registry.ts";
import { type OpenFiles, type Source, readFully, writeFully } from "./tensor-bytes.ts";
import { sumBfloat16 } from "./sum-bfloat16.ts";

/** What is read of each model at a time: enough that the disk is read at full speed. */
const PIECE_ELEMENTS = 2 ** 19;
/** What is computed at a time: two models' values and their sum stay in the processor's cache. */
const STRETCH_ELEMENTS = 2 * STRETCH_ALIGNMENT;
/** Bytes that are copied at a time, where one model's values are taken as they are. */
const COPY_BYTES = 2 ** 22;

export interface TensorJob {
  method: MethodName;
  tensor: MergeTensor;
  base: Source | undefined;
  models: readonly Source[];
  /** The file is there already, of its whole length. */
  output: { name: string; file: string; byteOffset: number; dtype: FloatDType };
}

/**
 * @param onBytes how many more bytes of the output are written
 * @throws InputError naming the tensor that holds NaN or infinity, or whose result its type cannot hold
 */
export function runTensorJob(
  job: TensorJob,
  files: OpenFiles,
  onBytes: (bytes: number) => void,
): void {
  const { tensor, base, models, output } = job;
  const method = METHODS[job.method];
  const copied = method.copies(tensor.parameters);
  const only = copied === "base" ? base : models[copied ?? -1];
  if (only?.dtype === output.dtype) return copyTensor(only, { output, files, onBytes });
  const factors = method.factors?.(tensor.parameters);
  if (factors && sumBfloat16(job, factors, { files, onBytes })) return;
  let figures: Figures = {};
  for (const pass of method.passes(tensor)) {
    if (pass.isNeedless?.(figures)) continue;
    const sums = new Float64Array(pass.size(tensor));
    for (const stretch of stretches(job, files)) pass.add(sums, stretch, tensor, figures);
    figures = pass.finish(sums, tensor, figures);
  }
  const writer = new TensorWriter(output, files, onBytes);
  for (const stretch of stretches(job, files)) {
    writer.write(method.combine(stretch, tensor, figures), stretch.start);
  }
  writer.flush();
}

function copyTensor(
  from: Source,
  {
    output,
    files,
    onBytes,
  }: { output: TensorJob["output"]; files: OpenFiles; onBytes: (bytes: number) => void },
): void {
  const target = files.writing(output.file);
  const buffer = new Uint8Array(Math.min(COPY_BYTES, from.byteLength));
  const size = DTYPE_BYTES[from.dtype];
  const values = new Float32Array(buffer.byteLength / size);
  for (let done = 0; done < from.byteLength;) {
    const piece = buffer.subarray(0, Math.min(COPY_BYTES, from.byteLength - done));
    readFully(from, piece, { files, start: done });
    const own = values.subarray(0, piece.byteLength / size);
    if (!widen(piece, from.dtype, own)) throw damaged(from, own);
    writeFully(target, piece, output.byteOffset + done);
    done += piece.byteLength;
    onBytes(piece.byteLength);
  }
}

/** The values are good until the next stretch is asked for. */
function* stretches({ tensor, base, models }: TensorJob, files: OpenFiles): Generator<Stretch> {
  const { elements } = tensor;
  const readers = models.map((source) => new TensorReader(source, files));
  const baseReader = base && new TensorReader(base, files);
  for (let start = 0; start < elements; start += STRETCH_ELEMENTS) {
    const count = Math.min(STRETCH_ELEMENTS, elements - start);
    yield {
      start,
      base: baseReader?.next(count),
      models: readers.map((reader) => reader.next(count)),
    };
  }
}

/** One tensor's values from front to back. */
class TensorReader {
  readonly #source: Source;
  readonly #files: OpenFiles;
  readonly #piece: Uint8Array;
  readonly #values = new Float32Array(STRETCH_ELEMENTS);
  #readBytes = 0;
  #at = 0;
  #end = 0;

  constructor(source: Source, files: OpenFiles) {
    this.#source = source;
    this.#files = files;
    const pieceBytes = PIECE_ELEMENTS * DTYPE_BYTES[source.dtype];
    this.#piece = new Uint8Array(Math.min(pieceBytes, source.byteLength));
  }

  /** @param count STRETCH_ELEMENTS, or what is left */
  next(count: number): Float32Array {
    const { dtype, byteLength } = this.#source;
    const size = DTYPE_BYTES[dtype];
    if (this.#at === this.#end) {
      this.#at = 0;
      this.#end = Math.min(this.#piece.byteLength, byteLength - this.#readBytes);
      const whole = this.#piece.subarray(0, this.#end);
      readFully(this.#source, whole, { files: this.#files, start: this.#readBytes });
      this.#readBytes += this.#end;
    }
    const values = count === STRETCH_ELEMENTS ? this.#values : this.#values.subarray(0, count);
    const bytes = this.#piece.subarray(this.#at, this.#at + count * size);
    if (!widen(bytes, dtype, values)) throw damaged(this.#source, values);
    this.#at += count * size;
    return values;
  }
}

function damaged({ file, name }: Source, values: Float32Array): InputError {
  const found = values.find((value) => !Number.isFinite(value));
  return new InputError(
    `${file}: tensor ${name} holds ${found}: the model is damaged, and a merge would hide it`,
  );
}

/** Rounds stretches to the output's type and writes them in pieces. */
class TensorWriter {
  readonly #output: TensorJob["output"];
  readonly #files: OpenFiles;
  readonly #onBytes: (bytes: number) => void;
  readonly #single = new Float32Array(STRETCH_ELEMENTS);
  readonly #piece: Uint8Array;
  #filled = 0;
  #written = 0;

  constructor(output: TensorJob["output"], files: OpenFiles, onBytes: (bytes: number) => void) {
    this.#output = output;
    this.#files = files;
    this.#onBytes = onBytes;
    this.#piece = new Uint8Array(PIECE_ELEMENTS * DTYPE_BYTES[output.dtype]);
  }

  write(values: Float32Array | Float64Array, start: number): void {
    const { dtype } = this.#output;
    const single = values instanceof Float32Array ? values : this.#asSingle(values);
    const bytes = values.length * DTYPE_BYTES[dtype];
    const target = this.#piece.subarray(this.#filled, this.#filled + bytes);
    if (!narrow(single, dtype, target)) throw this.#beyond(values, target, start);
    this.#filled += bytes;
    if (this.#filled === this.#piece.byteLength) this.flush();
  }

  #asSingle(values: Float64Array): Float32Array {
    const single = this.#single.subarray(0, values.length);
    single.set(values);
    return single;
  }

  #beyond(values: Float32Array | Float64Array, rounded: Uint8Array, start: number): InputError {
    const { name, dtype } = this.#output;
    const at = toFloat32(rounded, dtype).findIndex((value) => !Number.isFinite(value));
    return new InputError(
      `${name}: the merged value at ${start + at} is ${values[at]}, which ${dtype} cannot hold; lower the weights, or write another dtype`,
    );
  }

  flush(): void {
    const { file, byteOffset } = this.#output;
    const piece = this.#piece.subarray(0, this.#filled);
    writeFully(this.#files.writing(file), piece, byteOffset + this.#written);
    this.#written += this.#filled;
    this.#onBytes(this.#filled);
    this.#filled = 0;
  }
}
