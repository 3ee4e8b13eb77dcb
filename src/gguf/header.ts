/**
 * A .gguf file's metadata and tensor table (ggml's docs/gguf.md), versions 2 and 3, little-endian.
 *
 * Why not `@huggingface/gguf`: it pads a truncated file with zeros and reads on, cuts a text that
 * straddles its two-megabyte chunks, and drops a byte order mark, which Llama 2's vocabulary holds
 * as a token.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { InputError, hasCode } from "../util/errors.ts";
import { GGML_TYPES, type GgmlType, unsupportedTypeName } from "./ggml-types.ts";
import { HeaderCursor, type MetadataValue, PastTheEnd } from "./header-cursor.ts";
import { elementCount } from "../util/element-count.ts";

/** A vocabulary of a million long tokens with its merges stays below. */
const MAX_HEADER_BYTES = 2 ** 28;
const FIRST_READ_BYTES = 2 ** 22;
/** Ten times the largest mixture of experts. */
const MAX_TENSORS = 1_000_000;
const MAX_METADATA_KEYS = 100_000;
/** ggml's GGML_MAX_DIMS. */
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;

export interface GgufTensor {
  name: string;
  /** Outermost first, as PyTorch writes it: the reverse of the file's order. */
  shape: readonly number[];
  type: GgmlType;
  /** From the start of the file. */
  byteOffset: number;
  byteLength: number;
}

export interface GgufHeader {
  /** Absolute path. */
  file: string;
  size: number;
  mtimeMs: number;
  metadata: ReadonlyMap<string, MetadataValue>;
  tensors: ReadonlyMap<string, GgufTensor>;
  /** The hash of all bytes before the tensors' data, in hex. */
  headerSha256: string;
}

/** @throws InputError naming the file and, where there is one, the key or tensor that is wrong */
export async function readGgufHeader(file: string): Promise<GgufHeader> {
  const handle = await open(file).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) throw new InputError(`${file} does not exist`);
    throw error;
  });
  try {
    const { size, mtimeMs } = await handle.stat();
    for (let length = Math.min(FIRST_READ_BYTES, size); ; length = Math.min(length * 4, size)) {
      const bytes = await readStart(handle, length);
      try {
        return { ...parse(bytes, { file, size }), file: path.resolve(file), size, mtimeMs };
      } catch (error) {
        if (!(error instanceof PastTheEnd)) throw error;
        if (length === size) {
          throw new InputError(
            `${file}: the file ends at byte ${size}, inside its ${error.what}; it is truncated, download it again`,
            { cause: error },
          );
        }
        if (length >= MAX_HEADER_BYTES) {
          throw new InputError(`${file}: the header is longer than ${MAX_HEADER_BYTES} bytes`, {
            cause: error,
          });
        }
      }
    }
  } finally {
    await handle.close();
  }
}

async function readStart(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, 0);
  return bytes.subarray(0, bytesRead);
}

interface Place {
  file: string;
  size: number;
}

function parse(
  bytes: Buffer,
  place: Place,
): Pick<GgufHeader, "metadata" | "tensors" | "headerSha256"> {
  const { file } = place;
  const cursor = new HeaderCursor(bytes, file);
  checkStart(cursor, file);
  const tensorCount = cursor.count("tensor count", MAX_TENSORS);
  const keyCount = cursor.count("metadata count", MAX_METADATA_KEYS);
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.text("metadata");
    if (metadata.has(key)) throw new InputError(`${file}: metadata key ${key} comes twice`);
    metadata.set(key, cursor.value(key));
  }
  const entries = Array.from({ length: tensorCount }, () => readEntry(cursor, file));
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || alignment < 8 || alignment % 8 !== 0) {
    throw new InputError(`${file}: general.alignment ${String(alignment)} is not a multiple of 8`);
  }
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    if (tensors.has(entry.name)) {
      throw new InputError(`${file}: tensor ${entry.name} comes twice`);
    }
    tensors.set(entry.name, locate(entry, dataStart, place));
  }
  const headerSha256 = createHash("sha256").update(bytes.subarray(0, cursor.offset)).digest("hex");
  return { metadata, tensors, headerSha256 };
}

function checkStart(cursor: HeaderCursor, file: string): void {
  const magic = cursor.bytes(4, "first four bytes").toString("latin1");
  if (magic !== "GGUF") {
    throw new InputError(
      `${file}: starts with ${JSON.stringify(magic)}, a GGUF file with "GGUF"; this is another kind of file`,
    );
  }
  const version = cursor.uint32("version");
  if (version !== 2 && version !== 3) {
    const bigEndian = version > 0xffff ? " (a big-endian file)" : "";
    throw new InputError(
      `${file}: GGUF version ${version}${bigEndian} is not supported, 2 and 3 are; convert the model again with a current llama.cpp`,
    );
  }
}

interface TensorEntry {
  name: string;
  shape: readonly number[];
  typeId: number;
  offset: number;
}

function readEntry(cursor: HeaderCursor, file: string): TensorEntry {
  const name = cursor.text("tensor table");
  const dimensions = cursor.uint32("tensor table");
  if (dimensions > MAX_DIMENSIONS) {
    throw new InputError(
      `${file}: tensor ${name} has ${dimensions} dimensions, at most ${MAX_DIMENSIONS} are possible`,
    );
  }
  const shape = Array.from({ length: dimensions }, () =>
    cursor.count(`tensor ${name}: dimension`, 2 ** 32),
  ).toReversed();
  return {
    name,
    shape,
    typeId: cursor.uint32("tensor table"),
    offset: cursor.count(`tensor ${name}: offset`, Number.MAX_SAFE_INTEGER),
  };
}

function locate(
  { name, shape, typeId, offset }: TensorEntry,
  dataStart: number,
  { file, size }: Place,
): GgufTensor {
  const type = GGML_TYPES.get(typeId);
  if (!type) {
    const supported = [...GGML_TYPES.values()].map((each) => each.name).join(", ");
    throw new InputError(
      `${file}: tensor ${name} has the unsupported quantisation type ${unsupportedTypeName(typeId)}; supported: ${supported}`,
    );
  }
  const row = shape.at(-1) ?? 1;
  if (row % type.blockElements !== 0) {
    throw new InputError(
      `${file}: tensor ${name} [${shape.join(", ")}] has rows that are not whole ${type.name} blocks of ${type.blockElements}`,
    );
  }
  const elements = elementCount(shape);
  const byteLength = (elements / type.blockElements) * type.blockBytes;
  const byteOffset = dataStart + offset;
  if (byteOffset + byteLength > size) {
    throw new InputError(
      `${file}: tensor ${name} needs bytes ${byteOffset} to ${byteOffset + byteLength}, the file has ${size}; it is truncated, download it again`,
    );
  }
  return { name, shape, type, byteOffset, byteLength };
}
