/**
 * One tensor of a merged model, from the files of the models to its place in the output: read in pieces,
 * widened, combined by a method, rounded once, written. Synchronous, and plain data goes in, so that a thread
 * of its own can do it (tensors/tensor-threads.ts).
 */
import { InputError } from "../../util/errors.ts";
import type { MethodName } from "../../protocol/merge-methods.ts";
import { DTYPE_BYTES, type FloatDType, narrow, toFloat32, widen } from "../../tensors/dtype.ts";
import {
  type Figures,
  type MergeTensor,
  STRETCH_ALIGNMENT,
  type Stretch,
  columnsOf,
} from "../methods/method.ts";
import { METHODS } from "../methods/registry.ts";
import {
  type OpenFiles,
  pieceElements,
  readFully,
  writeFully,
} from "../../tensors/tensor-bytes.ts";
import type { TaskTools, TensorTask } from "../../tensors/tensor-tasks.ts";
import { type FloatSource, type TensorSource, damaged, openReader } from "./tensor-reader.ts";
import { sumBfloat16 } from "./sum-bfloat16.ts";

/** What is computed at a time: two models' values and their sum stay in the processor's cache. */
const STRETCH_ELEMENTS = 2 * STRETCH_ALIGNMENT;
/** Bytes that are copied at a time, where one model's values are taken as they are. */
const COPY_BYTES = 2 ** 22;

export interface TensorJob {
  method: MethodName;
  tensor: MergeTensor;
  base: TensorSource | undefined;
  models: readonly TensorSource[];
  /** The file is there already, of its whole length. */
  output: { name: string; file: string; byteOffset: number; dtype: FloatDType };
}

export interface MethodTask extends TensorTask {
  readonly type: "method";
  readonly job: Omit<TensorJob, "output">;
  readonly output: TensorJob["output"];
}

/** @throws what runTensorJob throws */
export function runMethodTask({ job, output }: MethodTask, { files, onBytes }: TaskTools): void {
  runTensorJob({ ...job, output }, files, onBytes);
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
  const copied = method.copies?.(tensor.parameters);
  const only = copied === "base" ? base : models[copied ?? -1];
  if (only && "dtype" in only && only.dtype === output.dtype) {
    return copyTensor(only, { output, files, onBytes });
  }
  const factors = method.factors?.(tensor.parameters);
  if (factors && sumBfloat16(job, factors, { files, onBytes })) return;
  const figures = figuresOf(job, files);
  const writer = new TensorWriter(output, { files, onBytes, stretch: stretchOf(job) });
  for (const stretch of stretches(job, files)) {
    const values = named(output.name, () => method.combine(stretch, tensor, figures));
    writer.write(values, stretch.start);
  }
  writer.flush();
}

function figuresOf(job: TensorJob, files: OpenFiles): Figures {
  const { method, tensor, output } = job;
  let figures: Figures = {};
  for (const pass of METHODS[method].passes?.(tensor) ?? []) {
    if (pass.isNeedless?.(figures)) continue;
    const sums = new Float64Array(pass.size(tensor, figures));
    for (const stretch of stretches(job, files)) {
      named(output.name, () => pass.add(sums, stretch, tensor, figures));
    }
    figures = named(output.name, () => pass.finish(sums, tensor, figures));
  }
  return figures;
}

/** A method knows no tensor's name: what it refuses is given it here. */
function named<T>(name: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${name}: ${error.message}`, { cause: error });
  }
}

function copyTensor(
  from: FloatSource,
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
function* stretches(job: TensorJob, files: OpenFiles): Generator<Stretch> {
  const { tensor, base, models } = job;
  const { elements } = tensor;
  const size = stretchOf(job);
  const readers = models.map((source) => openReader(source, files, size));
  const baseReader = base && openReader(base, files, size);
  for (let start = 0; start < elements; start += size) {
    const count = Math.min(size, elements - start);
    yield {
      start,
      base: baseReader?.next(count),
      models: readers.map((reader) => reader.next(count)),
    };
  }
}

function stretchOf({ method, tensor }: TensorJob): number {
  if (!METHODS[method].needsRows) return STRETCH_ELEMENTS;
  const columns = columnsOf(tensor);
  return Math.max(1, Math.floor(STRETCH_ELEMENTS / columns)) * columns;
}

/** Rounds stretches to the output's type and writes them in pieces. */
class TensorWriter {
  readonly #output: TensorJob["output"];
  readonly #files: OpenFiles;
  readonly #onBytes: (bytes: number) => void;
  readonly #single: Float32Array;
  readonly #piece: Uint8Array;
  #filled = 0;
  #written = 0;

  /** @param options.stretch values at a time, but for the last ones */
  constructor(
    output: TensorJob["output"],
    {
      files,
      onBytes,
      stretch,
    }: { files: OpenFiles; onBytes: (bytes: number) => void; stretch: number },
  ) {
    this.#output = output;
    this.#files = files;
    this.#onBytes = onBytes;
    this.#single = new Float32Array(stretch);
    this.#piece = new Uint8Array(pieceElements(stretch) * DTYPE_BYTES[output.dtype]);
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
