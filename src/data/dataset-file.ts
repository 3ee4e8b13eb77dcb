/**
 * A tokenised data file on disk: a line of JSON that says what follows, the arrays of each segment, and
 * the SHA-256 of all of it. The arrays are read into one buffer and used where they lie.
 */
import { type Hash, createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { parseJsonObject } from "../util/json.ts";
import type { DatasetReport } from "./dataset-report.ts";
import { ExampleStore, type Segment } from "./example-store.ts";

export interface StoredDataset {
  examples: ExampleStore;
  report: DatasetReport;
}

interface Header {
  report: DatasetReport;
  segments: readonly { rows: number; tokens: number }[];
}

/** The header is padded to a multiple of this, so that 32-bit integers behind it are aligned. */
const ALIGNMENT = 4;
/** Read at once: hashing more would hold the thread for too long. */
const BLOCK_BYTES = 2 ** 22;
const HASH_BYTES = 32;
const LENGTH_BYTES = 4;

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** @param file that does not exist yet */
export async function writeDataset(
  file: string,
  { examples, report }: StoredDataset,
): Promise<void> {
  const segments = examples.segments.map(({ ends, ids }) => ({
    rows: ends.length,
    tokens: ids.length,
  }));
  const json = Buffer.from(JSON.stringify({ report, segments } satisfies Header));
  const header = Buffer.alloc(padded(LENGTH_BYTES + json.length), " ");
  header.writeUInt32LE(header.length - LENGTH_BYTES);
  json.copy(header, LENGTH_BYTES);
  const handle = await open(file, "wx");
  try {
    const hash = createHash("sha256");
    await write(handle, header, hash);
    for (const { ids, ends, lines, counted } of examples.segments) {
      for (const array of [ids, ends, lines]) await write(handle, bytesOf(array), hash);
      const flags = Buffer.alloc(padded(counted.length));
      flags.set(counted);
      await write(handle, flags, hash);
    }
    await handle.writeFile(hash.digest());
  } finally {
    await handle.close();
  }
}

async function write(handle: FileHandle, bytes: Uint8Array, hash: Hash): Promise<void> {
  hash.update(bytes);
  await handle.writeFile(bytes);
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** @returns undefined when the file is not whole, or not what was written */
export async function readDataset(file: string): Promise<StoredDataset | undefined> {
  const bytes = await readChecked(file);
  if (!bytes) return undefined;
  const headerBytes = bytes.readUInt32LE(0);
  const json = bytes.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  const { report, segments } = parseJsonObject(json, file) as unknown as Header;
  let at = LENGTH_BYTES + headerBytes;
  const integers = (count: number): Int32Array => {
    at += 4 * count;
    return new Int32Array(bytes.buffer, bytes.byteOffset + at - 4 * count, count);
  };
  const found = segments.map(({ rows, tokens }): Segment => {
    const [ids, ends, lines] = [integers(tokens), integers(rows), integers(rows)];
    const counted = new Uint8Array(bytes.buffer, bytes.byteOffset + at, tokens);
    at += padded(tokens);
    return { ids, ends, lines, counted };
  });
  return { examples: new ExampleStore(found), report };
}

/** The file without its hash, which is that of the bytes. */
async function readChecked(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, "r");
  try {
    const size = (await handle.stat()).size - HASH_BYTES;
    if (size < LENGTH_BYTES) return undefined;
    const bytes = Buffer.from(new ArrayBuffer(size));
    const hash = createHash("sha256");
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      const block = bytes.subarray(at, at + BLOCK_BYTES);
      const { bytesRead } = await handle.read(block, 0, block.length, at);
      if (bytesRead !== block.length) return undefined;
      hash.update(block);
    }
    const stored = Buffer.alloc(HASH_BYTES);
    await handle.read(stored, 0, HASH_BYTES, size);
    return stored.equals(hash.digest()) ? bytes : undefined;
  } finally {
    await handle.close();
  }
}
