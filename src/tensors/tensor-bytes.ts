/** Bytes of tensors, read and written where they lie in their files. Synchronous: it runs in threads. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { InputError } from "../util/errors.ts";
import type { TensorInfo } from "./safetensors.ts";

export type Source = Pick<TensorInfo, "name" | "file" | "byteOffset" | "byteLength" | "dtype">;

/** What is read of each model, or written, at a time: enough that the disk works at full speed. */
export const PIECE_ELEMENTS = 2 ** 19;

/** A piece of whole stretches. */
export function pieceElements(stretch: number): number {
  return Math.max(1, Math.floor(PIECE_ELEMENTS / stretch)) * stretch;
}

/** Files stay open from one tensor to the next. */
export class OpenFiles {
  readonly #descriptors = new Map<string, number>();

  reading(file: string): number {
    return this.#open(file, "r");
  }

  writing(file: string): number {
    return this.#open(file, "r+");
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  #open(file: string, mode: "r" | "r+"): number {
    const known = this.#descriptors.get(file);
    if (known !== undefined) return known;
    const descriptor = openSync(file, mode);
    this.#descriptors.set(file, descriptor);
    return descriptor;
  }
}

/** @throws InputError when the file ends before the tensor does. @param start in the tensor, in bytes */
export function readFully(
  { name, file, byteOffset }: Source,
  bytes: Uint8Array,
  { files, start }: { files: OpenFiles; start: number },
): void {
  for (let done = 0; done < bytes.length;) {
    const position = byteOffset + start + done;
    const read = readSync(files.reading(file), bytes, done, bytes.length - done, position);
    if (read === 0) {
      throw new InputError(`${file}: tensor ${name} ends early, at byte ${start + done}`);
    }
    done += read;
  }
}

export function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  }
}
