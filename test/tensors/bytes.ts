/** Files of hand-made bytes, so that each can be broken in one place. */

/** A safetensors file with this header text and data. */
export function safetensorsBytes(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

export interface GgufTensorBytes {
  name: string;
  /** Fastest axis first, as in the file. */
  shape: number[];
  /** ggml's number: 0 F32, 1 F16, 8 Q8_0 */
  type: number;
  bytes: number;
}

/** A GGUF file, version 3, with texts and uint32s as metadata and zeros for data. */
export function ggufBytes(
  metadata: Record<string, string | number>,
  tensors: GgufTensorBytes[],
): Buffer {
  const parts = [Buffer.from("GGUF"), u32(3), u64(tensors.length)];
  parts.push(u64(Object.keys(metadata).length));
  for (const [key, value] of Object.entries(metadata)) {
    parts.push(text(key));
    if (typeof value === "string") parts.push(u32(8), text(value));
    else parts.push(u32(4), u32(value));
  }
  let offset = 0;
  for (const { name, shape, type, bytes } of tensors) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset));
    offset += Math.ceil(bytes / 32) * 32;
  }
  const header = Buffer.concat(parts);
  return Buffer.concat([header, Buffer.alloc(-header.length & 31), Buffer.alloc(offset)]);
}
