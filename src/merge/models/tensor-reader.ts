/** One tensor's values from front to back, as float32: from one place, or from rows that lie apart. */
import { InputError } from "../../util/errors.ts";
import { DTYPE_BYTES, type FloatDType, widen } from "../../tensors/dtype.ts";
import {
  type OpenFiles,
  type Source,
  pieceElements,
  readFully,
} from "../../tensors/tensor-bytes.ts";

export interface FloatSource extends Source {
  dtype: FloatDType;
}

/** Rows of one or several tensors in another order: embeddings under another vocabulary. */
export interface AlignedRows {
  sources: readonly FloatSource[];
  columns: number;
  runs: readonly RowRun[];
  /** So many rows at the end are the mean of all before. */
  padding: number;
}

/** Rows one after the other: the mean of what stands at each place, zeros where there is none. */
export interface RowRun {
  rows: number;
  from: readonly { source: number; row: number }[];
}

export type TensorSource = FloatSource | AlignedRows;

export interface ValueReader {
  /** The values are good until the next call. */
  next: (count: number) => Float32Array;
}

/** @param stretch values asked for at a time, but for the last ones */
export function openReader(source: TensorSource, files: OpenFiles, stretch: number): ValueReader {
  return "runs" in source ? new RowReader(source, files) : new PieceReader(source, files, stretch);
}

class PieceReader implements ValueReader {
  readonly #source: FloatSource;
  readonly #files: OpenFiles;
  readonly #piece: Uint8Array;
  readonly #values: Float32Array;
  #readBytes = 0;
  #at = 0;
  #end = 0;

  constructor(source: FloatSource, files: OpenFiles, stretch: number) {
    this.#source = source;
    this.#files = files;
    this.#values = new Float32Array(stretch);
    const bytes = pieceElements(stretch) * DTYPE_BYTES[source.dtype];
    this.#piece = new Uint8Array(Math.min(bytes, source.byteLength));
  }

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
    const values = count === this.#values.length ? this.#values : this.#values.subarray(0, count);
    const bytes = this.#piece.subarray(this.#at, this.#at + count * size);
    if (!widen(bytes, dtype, values)) throw damaged(this.#source, values);
    this.#at += count * size;
    return values;
  }
}

class RowReader implements ValueReader {
  readonly #rows: AlignedRows;
  readonly #files: OpenFiles;
  #run = 0;
  /** Elements of the run that are read. */
  #inRun = 0;
  #mean: Float64Array | undefined;
  #padded = 0;

  constructor(rows: AlignedRows, files: OpenFiles) {
    this.#rows = rows;
    this.#files = files;
  }

  next(count: number): Float32Array {
    const values = new Float32Array(count);
    for (let done = 0; done < count;) {
      const left = values.subarray(done);
      done += this.#run < this.#rows.runs.length ? this.#readRun(left) : this.#pad(left);
    }
    return values;
  }

  /** @returns how many values are written */
  #readRun(target: Float32Array): number {
    const { runs, sources, columns } = this.#rows;
    const { rows, from } = runs[this.#run]!;
    const count = Math.min(target.length, rows * columns - this.#inRun);
    const sums = new Float64Array(count);
    for (const { source: index, row } of from) {
      const source = sources[index]!;
      const size = DTYPE_BYTES[source.dtype];
      const bytes = new Uint8Array(count * size);
      const start = (row * columns + this.#inRun) * size;
      readFully(source, bytes, { files: this.#files, start });
      const values = new Float32Array(count);
      if (!widen(bytes, source.dtype, values)) throw damaged(source, values);
      for (let i = 0; i < count; i++) sums[i] = sums[i]! + values[i]! / from.length;
    }
    target.set(sums);
    this.#inRun += count;
    if (this.#inRun === rows * columns) {
      this.#run++;
      this.#inRun = 0;
    }
    return count;
  }

  #pad(target: Float32Array): number {
    this.#mean ??= this.#meanRow();
    const { columns } = this.#rows;
    for (let i = 0; i < target.length; i++) target[i] = this.#mean[(this.#padded + i) % columns]!;
    this.#padded += target.length;
    return target.length;
  }

  #meanRow(): Float64Array {
    const { runs, columns } = this.#rows;
    const reader = new RowReader({ ...this.#rows, padding: 0 }, this.#files);
    const rows = runs.reduce((sum, run) => sum + run.rows, 0);
    const mean = new Float64Array(columns);
    for (let row = 0; row < rows; row++) {
      const values = reader.next(columns);
      for (let j = 0; j < columns; j++) mean[j] = mean[j]! + values[j]! / rows;
    }
    return mean;
  }
}

export function damaged({ file, name }: Source, values: Float32Array): InputError {
  const found = values.find((value) => !Number.isFinite(value));
  return new InputError(
    `${file}: tensor ${name} holds ${found}: the model is damaged, and a merge would hide it`,
  );
}
