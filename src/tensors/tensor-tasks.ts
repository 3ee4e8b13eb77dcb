/**
 * What writes one tensor of a file at its place. A task is plain data, so that a thread of its own can do it;
 * whoever has tasks of other types runs those.
 */
import type { DType } from "./dtype.ts";
import { type OpenFiles, type Source, readFully, writeFully } from "./tensor-bytes.ts";

export interface TensorTask {
  readonly type: string;
  /** The file is there already, of its whole length. */
  readonly output: TaskOutput;
}

export interface TaskOutput {
  name: string;
  file: string;
  byteOffset: number;
  dtype: DType;
}

/** A task whose place is not known yet. */
export type Unplaced<Task> = Task extends TensorTask ? Omit<Task, "output"> : never;

export interface TaskTools {
  files: OpenFiles;
  /** How many more bytes of the output are written. */
  onBytes: (bytes: number) => void;
}

export type RunTask<Task extends TensorTask> = (
  task: Task,
  tools: TaskTools,
) => void | Promise<void>;

/** Byte for byte. */
export interface CopyTask extends TensorTask {
  readonly type: "copy";
  readonly from: Source;
}

const COPY_BYTES = 2 ** 22;

/** @throws InputError when the file ends before the tensor does */
export function runCopy({ from, output }: CopyTask, { files, onBytes }: TaskTools): void {
  const target = files.writing(output.file);
  const buffer = new Uint8Array(Math.min(COPY_BYTES, from.byteLength));
  for (let done = 0; done < from.byteLength;) {
    const piece = buffer.subarray(0, Math.min(COPY_BYTES, from.byteLength - done));
    readFully(from, piece, { files, start: done });
    writeFully(target, piece, output.byteOffset + done);
    done += piece.byteLength;
    onBytes(piece.byteLength);
  }
}
