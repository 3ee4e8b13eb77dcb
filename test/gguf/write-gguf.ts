/** Writes small .gguf files, broken ones too, from plain data. */
import { writeFile } from "node:fs/promises";
import { elementCount } from "../../src/util/element-count.ts";

export type Value = number | boolean | string | readonly number[] | readonly string[];

export interface TinyTensor {
  name: string;
  /** Outermost first. */
  shape: readonly number[];
  /** ggml's number; F32 when left out. */
  type?: number;
  /** Every element's; 1 when left out. */
  value?: number;
  /** From the start of the data; next to the last tensor when left out. */
  offset?: number;
}

const ALIGNMENT = 32;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function scalar(value: number | boolean | string): [type: number, bytes: Buffer] {
  if (typeof value === "string") return [8, text(value)];
  if (typeof value === "boolean") return [7, Buffer.of(value ? 1 : 0)];
  if (Number.isInteger(value)) return [4, uint32(value)];
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [6, bytes];
}

function encode(value: Value): Buffer {
  if (typeof value !== "object") {
    const [type, bytes] = scalar(value);
    return Buffer.concat([uint32(type), bytes]);
  }
  const items = value.map((each: number | string) => scalar(each));
  const type = uint32(items[0]?.[0] ?? 4);
  return Buffer.concat([uint32(9), type, uint64(items.length), ...items.map(([, bytes]) => bytes)]);
}

/** Every tensor has the bytes of a float32 one, whatever its type says. */
export async function writeGguf(
  file: string,
  metadata: Readonly<Record<string, Value>>,
  tensors: readonly TinyTensor[],
): Promise<void> {
  const keys = Object.entries(metadata);
  const contents: [start: number, data: Float32Array][] = [];
  let end = 0;
  const entries = tensors.map(({ name, shape, type = 0, offset, value = 1 }) => {
    const start = offset ?? end;
    const bytes = 4 * elementCount(shape);
    if (offset === undefined) end = Math.ceil((end + bytes) / ALIGNMENT) * ALIGNMENT;
    const data = new Float32Array(bytes / 4).fill(value);
    contents.push([start, data]);
    return Buffer.concat([
      text(name),
      uint32(shape.length),
      ...shape.toReversed().map(uint64),
      uint32(type),
      uint64(start),
    ]);
  });
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    uint32(3),
    uint64(tensors.length),
    uint64(keys.length),
    ...keys.flatMap(([key, value]) => [text(key), encode(value)]),
    ...entries,
  ]);
  const padding = Buffer.alloc((ALIGNMENT - (header.length % ALIGNMENT)) % ALIGNMENT);
  const body = Buffer.alloc(end);
  for (const [start, data] of contents) {
    if (start + data.byteLength <= end) body.set(new Uint8Array(data.buffer), start);
  }
  await writeFile(file, Buffer.concat([header, padding, body]));
}
