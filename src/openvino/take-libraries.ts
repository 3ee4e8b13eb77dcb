/**
 * The pinned libraries out of a wheel, or out of the folder of packages that a client has unpacked one into. Only
 * names of the pinned list are ever written, wherever an entry says that it belongs, and each is hashed as it is
 * written: a library that differs in one bit is never there under its name.
 */
import { createHash } from "node:crypto";
import { createReadStream, type ReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { Unzip, type UnzipFile, UnzipInflate } from "fflate";
import { InputError, errorMessage, hasCode, isDiskFull } from "../util/errors.ts";
import { WHEEL_NAME, type PinnedLibrary } from "./wheels.ts";

/** Where a wheel of OpenVINO keeps its libraries. */
const LIBS = "openvino/libs";
const READ_BYTES = 2 ** 20;

export interface TakeOptions {
  libraries: readonly PinnedLibrary[];
  /** A folder that is there. */
  into: string;
  signal: AbortSignal;
}

/** @throws InputError for what is no wheel of the pinned version, whole and unchanged */
export async function takeFromWheel(wheel: string, options: TakeOptions): Promise<void> {
  const { libraries, signal } = options;
  const taking = new Map(
    libraries.map((library) => [
      `${LIBS}/${library.name}`,
      new Taking(library, wheel, options.into),
    ]),
  );
  try {
    const stream = createReadStream(wheel, { highWaterMark: READ_BYTES, signal });
    for await (const chunks of unzipped(stream, taking)) {
      for (const [one, chunk] of chunks) await one.write(chunk);
    }
    for (const one of taking.values()) await one.end();
  } catch (error) {
    throw isOurs(error) ? error : asInputError(error, wheel);
  } finally {
    await Promise.all([...taking.values()].map((one) => one.close()));
  }
}

/** @param packages the folder that holds `openvino` */
export async function takeFromFolder(packages: string, options: TakeOptions): Promise<void> {
  for (const library of options.libraries) {
    const file = path.join(packages, LIBS, library.name);
    const one = new Taking(library, packages, options.into);
    try {
      const stream = createReadStream(file, { highWaterMark: READ_BYTES, signal: options.signal });
      for await (const chunk of stream) await one.write(chunk as Buffer);
      await one.end();
    } catch (error) {
      throw isOurs(error) ? error : asInputError(error, file);
    } finally {
      await one.close();
    }
  }
}

type Chunks = readonly (readonly [Taking, Uint8Array])[];

/** What each part of the zip file holds of the wanted entries. fflate checks no sum: the hashes do. */
async function* unzipped(
  stream: ReadStream,
  taking: ReadonlyMap<string, Taking>,
): AsyncGenerator<Chunks> {
  let chunks: [Taking, Uint8Array][] = [];
  let failure: Error | undefined;
  const unzip = new Unzip((file: UnzipFile) => {
    const one = taking.get(file.name);
    if (!one) return;
    file.ondata = (error, chunk) => {
      failure ??= error ?? undefined;
      if (!error) chunks.push([one, chunk]);
    };
    file.start();
  });
  unzip.register(UnzipInflate);
  let isFirst = true;
  for await (const part of stream) {
    if (isFirst && !isZip(part as Buffer)) throw new Error("it is no zip file");
    isFirst = false;
    unzip.push(part as Buffer);
    if (failure) throw failure;
    yield chunks;
    chunks = [];
  }
}

function isZip(start: Buffer): boolean {
  return start.subarray(0, 4).toString("latin1") === "PK\u0003\u0004";
}

/** One library on its way to the disk. */
class Taking {
  readonly #library: PinnedLibrary;
  readonly #source: string;
  readonly #file: string;
  readonly #hash = createHash("sha256");
  #handle: FileHandle | undefined;
  #bytes = 0;

  constructor(library: PinnedLibrary, source: string, into: string) {
    this.#library = library;
    this.#source = source;
    this.#file = path.join(into, library.name);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#bytes += chunk.length;
    // Nor does a made-up file fill the disk.
    if (this.#bytes > this.#library.bytes)
      this.#refuse(
        `is larger than ${this.#library.bytes} bytes, expected what is in ${WHEEL_NAME}`,
      );
    this.#handle ??= await open(this.#file, "wx");
    this.#hash.update(chunk);
    await this.#handle.writeFile(chunk);
  }

  async end(): Promise<void> {
    const { bytes, sha256 } = this.#library;
    if (this.#handle === undefined) this.#refuse(`is missing; expected all of ${WHEEL_NAME}`);
    if (this.#bytes < bytes)
      this.#refuse(`ends after ${this.#bytes} of ${bytes} bytes; fetch it again`);
    const found = this.#hash.digest("hex");
    if (found !== sha256)
      this.#refuse(`has SHA-256 ${found}, expected ${sha256}, as in ${WHEEL_NAME}`);
    // On the disk before the folder gets its name: it is not hashed again.
    await this.#handle?.sync();
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  #refuse(what: string): never {
    throw new InputError(`${this.#source}: ${LIBS}/${this.#library.name} ${what}`);
  }
}

function isOurs(error: unknown): boolean {
  return error instanceof InputError || hasCode(error, "ABORT_ERR");
}

function asInputError(error: unknown, source: string): InputError {
  if (isDiskFull(error)) {
    return new InputError(
      "the disk is full; make room, or set RETUNE_CACHE to a folder on another disk",
      { cause: error },
    );
  }
  if (hasCode(error, "ENOENT")) return new InputError(`${source} does not exist`, { cause: error });
  return new InputError(`${source} can't be read: ${errorMessage(error)}`, { cause: error });
}

/** For room on the disk and for messages. */
export function bytesOf(libraries: readonly PinnedLibrary[]): number {
  return libraries.reduce((sum, { bytes }) => sum + bytes, 0);
}
