/**
 * The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes. Headers
 * are checked as strictly as the format's own crate does, before any byte of data is believed.
 */
import type { Hash } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { InputError, InternalError, errorMessage, hasCode } from "../util/errors.ts";
import { type JsonObject, isJsonObject, issueText, parseJsonObject } from "../util/json.ts";
import { temporaryName } from "../util/temporary-name.ts";
import { decodeUtf8 } from "../util/utf8.ts";
import { DTYPE_BYTES, type DType, toFloat32 } from "./dtype.ts";
import { elementCount } from "../util/element-count.ts";

/** The crate's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
/** The crate aligns the data so; readers that map the file rely on it. */
const DATA_ALIGNMENT = 8;
const COMPARED_BYTES = 2 ** 22;
const MAX_TRANSFER_BYTES = 2 ** 30;

export interface TensorInfo {
  name: string;
  dtype: DType;
  shape: readonly number[];
  /** Absolute path. */
  file: string;
  /** From the start of the file. */
  byteOffset: number;
  byteLength: number;
}

export interface SafetensorsHeader {
  tensors: ReadonlyMap<string, TensorInfo>;
  metadata: Readonly<Record<string, string>>;
}

export interface TensorToWrite {
  name: string;
  dtype: DType;
  shape: readonly number[];
  data: Uint8Array | (() => Promise<Uint8Array> | AsyncIterable<Uint8Array>);
}

let madeSchema: ReturnType<typeof makeEntrySchema> | undefined;

/** Made at the first use, so that a bundle which reads values alone holds no schema library. */
function entrySchema(): ReturnType<typeof makeEntrySchema> {
  return (madeSchema ??= makeEntrySchema());
}

function makeEntrySchema() {
  const count = z.custom<number>(
    (value) => typeof value === "number" && Number.isSafeInteger(value),
    {
      error: ({ input }) => `expected a whole number from 0, found ${String(input).slice(0, 40)}`,
    },
  );
  return z.object({
    dtype: z.string(),
    shape: z.array(count),
    data_offsets: z.tuple([count, count]),
  });
}

/** The crate takes digits alone: `1e3`, `1.0` and `-0` are no counts, and no text either. */
function wholeNumber(text: string): number | { toString: () => string } {
  return /^\d+$/u.test(text) ? Number(text) : { toString: () => text };
}

function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPE_BYTES, name);
}

/** @throws InputError naming the file and, where there is one, the tensor that is wrong */
export async function readSafetensorsHeader(file: string): Promise<SafetensorsHeader> {
  const handle = await open(file).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) throw new InputError(`${file} does not exist`);
    throw new InputError(`${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  });
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new InputError(`${file} is not a file`);
    const { size } = found;
    const json = await readHeaderJson(handle, { file, size });
    return parseHeader(json, { file: path.resolve(file), size });
  } finally {
    await handle.close();
  }
}

async function readHeaderJson(
  handle: FileHandle,
  { file, size }: { file: string; size: number },
): Promise<{ header: JsonObject; dataStart: number }> {
  if (size < LENGTH_BYTES) {
    throw new InputError(`${file}: ${size} bytes is too short for a safetensors file`);
  }
  const prefix = Buffer.alloc(LENGTH_BYTES);
  await handle.read(prefix, 0, LENGTH_BYTES, 0);
  const length = Number(prefix.readBigUInt64LE());
  if (length > MAX_HEADER_BYTES || LENGTH_BYTES + length > size) {
    throw new InputError(
      `${file}: the header claims ${length} bytes of a file of ${size}; the file is truncated or not safetensors`,
    );
  }
  const bytes = Buffer.alloc(length);
  await handle.read(bytes, 0, length, LENGTH_BYTES);
  const name = `${file}: the header`;
  if (bytes[0] === 0xef) throw new InputError(`${name} begins with a byte order mark`);
  const header = parseJsonObject(decodeUtf8(bytes, name), name, { number: wholeNumber });
  return { header, dataStart: LENGTH_BYTES + length };
}

function parseHeader(
  { header, dataStart }: { header: JsonObject; dataStart: number },
  { file, size }: { file: string; size: number },
): SafetensorsHeader {
  const { __metadata__: rawMetadata, ...entries } = header;
  const metadata = rawMetadata ?? {};
  if (!isTextMap(metadata)) throw new InputError(`${file}: __metadata__ must map text to text`);
  const tensors = Object.entries(entries)
    .map(([name, entry]) => parseEntry(name, entry, { file, dataStart }))
    // An empty tensor may be listed after the one that begins where it does.
    .toSorted((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let expected = dataStart;
  for (const { name, byteOffset, byteLength } of tensors) {
    if (byteOffset !== expected) {
      throw new InputError(
        `${file}: tensor ${name} starts at byte ${byteOffset - dataStart} of the data, expected ${expected - dataStart}: tensors overlap or leave a gap`,
      );
    }
    expected += byteLength;
  }
  if (expected !== size) {
    throw new InputError(
      `${file}: the header describes ${expected} bytes, the file has ${size}; it is truncated or was not fully written`,
    );
  }
  return {
    tensors: new Map(tensors.map((info) => [info.name, info])),
    metadata,
  };
}

/** By hand: zod leaves out a key `__proto__`. */
function isTextMap(json: unknown): json is Readonly<Record<string, string>> {
  return isJsonObject(json) && Object.values(json).every((value) => typeof value === "string");
}

function parseEntry(
  name: string,
  entry: unknown,
  { file, dataStart }: { file: string; dataStart: number },
): TensorInfo {
  const parsed = entrySchema().safeParse(entry);
  if (!parsed.success) {
    throw new InputError(`${file}: tensor ${name}: ${issueText(parsed.error)}`);
  }
  const { dtype, shape, data_offsets } = parsed.data;
  if (!isDType(dtype)) {
    throw new InputError(`${file}: tensor ${name} has the unsupported dtype ${dtype}`);
  }
  const [start, end] = data_offsets;
  const needed = DTYPE_BYTES[dtype] * elementCount(shape);
  if (
    needed === 0 &&
    !shape.every((size) => size * DTYPE_BYTES[dtype] <= Number.MAX_SAFE_INTEGER)
  ) {
    // Only beside a 0, which makes the product 0.
    throw new InputError(`${file}: tensor ${name} [${shape.join(", ")}] is larger than any file`);
  }
  if (end - start !== needed) {
    throw new InputError(
      `${file}: tensor ${name} ${dtype} [${shape.join(", ")}] needs ${needed} bytes, its offsets give ${end - start}`,
    );
  }
  return { name, dtype, shape, file, byteOffset: dataStart + start, byteLength: needed };
}

/** The tensor's bytes in pieces of `chunkBytes`, the last one shorter. */
export async function* readTensorChunks(
  info: TensorInfo,
  chunkBytes: number,
): AsyncGenerator<Uint8Array> {
  const handle = await open(info.file);
  try {
    for (let done = 0; done < info.byteLength; done += chunkBytes) {
      const chunk = new Uint8Array(Math.min(chunkBytes, info.byteLength - done));
      await readFully(handle, chunk, { info, start: done });
      yield chunk;
    }
  } finally {
    await handle.close();
  }
}

/** Whether two tensors are one in type, shape and bytes. */
export async function hasSameBytes(one: TensorInfo, other: TensorInfo): Promise<boolean> {
  if (one.dtype !== other.dtype || one.shape.join() !== other.shape.join()) return false;
  const chunks = readTensorChunks(other, COMPARED_BYTES);
  try {
    for await (const chunk of readTensorChunks(one, COMPARED_BYTES)) {
      const { value } = await chunks.next();
      if (!value || !Buffer.from(chunk.buffer).equals(value)) return false;
    }
    return true;
  } finally {
    // Its file is open until then, also where all was the same.
    await chunks.return(undefined);
  }
}

export async function readTensorBytes(info: TensorInfo): Promise<Uint8Array> {
  const handle = await open(info.file);
  try {
    const bytes = new Uint8Array(info.byteLength);
    await readFully(handle, bytes, { info, start: 0 });
    return bytes;
  } finally {
    await handle.close();
  }
}

async function readFully(
  handle: FileHandle,
  bytes: Uint8Array,
  { info, start }: { info: TensorInfo; start: number },
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    // One read call moves at most 2 GiB.
    const { bytesRead } = await handle.read(bytes, {
      offset: done,
      length: Math.min(bytes.length - done, MAX_TRANSFER_BYTES),
      position: info.byteOffset + start + done,
    });
    if (bytesRead === 0) {
      throw new InputError(`${info.file}: tensor ${info.name} ends early, at byte ${start + done}`);
    }
    done += bytesRead;
  }
}

export async function readTensor(info: TensorInfo): Promise<Float32Array> {
  return toFloat32(await readTensorBytes(info), info.dtype);
}

/** What `writeSafetensors` is given, but for the bytes. */
export type TensorShape = Omit<TensorToWrite, "data">;

/**
 * Begins a file of which others write the tensors' bytes, each at its place, and `finishSafetensors` says
 * that they have: header and length are there, the values are not. Name the file so that no one reads it.
 * @returns from the start of the file, in bytes, by the tensor's name
 */
export async function beginSafetensors(
  file: string,
  tensors: readonly TensorShape[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, number>> {
  const handle = await open(file, "w");
  try {
    const header = encodeHeader(tensors, metadata);
    await writeFullyAt(handle, header);
    const places = new Map<string, number>();
    let end = header.byteLength;
    for (const tensor of tensors) {
      places.set(tensor.name, end);
      end += bytesOf(tensor);
    }
    await handle.truncate(end);
    return places;
  } finally {
    await handle.close();
  }
}

/** Brings what was written of `temporary` to the disk and gives it its name. */
export async function finishSafetensors(temporary: string, file: string): Promise<void> {
  const handle = await open(temporary, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/**
 * Writes tensors in the given order, piece by piece. The file appears by rename, whole or not at all.
 * @param hash is given every byte of the file
 * @throws what the file system throws; nothing is left behind
 */
export async function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
  hash?: Hash,
): Promise<void> {
  const temporary = temporaryName(file);
  try {
    const handle = await open(temporary, "wx");
    try {
      const write = (bytes: Uint8Array): Promise<void> => {
        const written = writeFullyAt(handle, bytes);
        // Meanwhile: the write is another thread's.
        hash?.update(bytes);
        return written;
      };
      await write(encodeHeader(tensors, metadata));
      for (const tensor of tensors) await writeTensor(write, tensor);
    } finally {
      await handle.close();
    }
    await finishSafetensors(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeTensor(
  write: (bytes: Uint8Array) => Promise<void>,
  tensor: TensorToWrite,
): Promise<void> {
  const { data } = tensor;
  const source = typeof data === "function" ? data() : data;
  let written = 0;
  if (Symbol.asyncIterator in source) {
    for await (const chunk of source) {
      await write(chunk);
      written += chunk.byteLength;
    }
  } else {
    const bytes = await source;
    await write(bytes);
    written = bytes.byteLength;
  }
  if (written !== bytesOf(tensor)) {
    throw new InternalError(
      `tensor ${tensor.name} came with ${written} bytes, not ${bytesOf(tensor)}`,
    );
  }
}

/** @param position from the start of the file; left out: where the last write ended */
export async function writeFullyAt(
  handle: FileHandle,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAX_TRANSFER_BYTES);
    const at = position === undefined ? null : position + done;
    done += (await handle.write(bytes, done, length, at)).bytesWritten;
  }
}

export function bytesOf({ dtype, shape }: TensorShape): number {
  return DTYPE_BYTES[dtype] * elementCount(shape);
}

export function totalBytes(tensors: readonly TensorShape[]): number {
  return tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
}

function encodeHeader(
  tensors: readonly TensorShape[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  let offset = 0;
  const entries = tensors.map((tensor): [string, object] => {
    const start = offset;
    offset += bytesOf(tensor);
    const { name, dtype, shape } = tensor;
    return [name, { dtype, shape, data_offsets: [start, offset] }];
  });
  const head = Object.keys(metadata).length > 0 ? [["__metadata__", metadata] as const] : [];
  const json = Buffer.from(JSON.stringify(Object.fromEntries([...head, ...entries])));
  const padded = Math.ceil(json.length / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const header = Buffer.alloc(LENGTH_BYTES + padded, " ");
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, LENGTH_BYTES);
  return header;
}
