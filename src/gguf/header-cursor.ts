import { InputError } from "../util/errors.ts";

export type MetadataValue = number | boolean | string | readonly MetadataValue[];

/** Arrays of vocabularies and merges are the longest. */
const MAX_ARRAY_LENGTH = 2 ** 24;
/** No known key nests arrays at all. */
const MAX_ARRAY_DEPTH = 4;
const ARRAY = 9;

/** More bytes are needed than were read so far. */
export class PastTheEnd extends Error {
  readonly what: string;
  constructor(what: string) {
    super(`past the end, in ${what}`);
    this.what = what;
  }
}

type Reader = (cursor: HeaderCursor, what: string) => number | boolean | string;

/** By the type number before each value. */
const SCALARS: Readonly<Record<number, Reader>> = {
  0: (cursor, what) => cursor.bytes(1, what).readUInt8(),
  1: (cursor, what) => cursor.bytes(1, what).readInt8(),
  2: (cursor, what) => cursor.bytes(2, what).readUInt16LE(),
  3: (cursor, what) => cursor.bytes(2, what).readInt16LE(),
  4: (cursor, what) => cursor.uint32(what),
  5: (cursor, what) => cursor.bytes(4, what).readInt32LE(),
  6: (cursor, what) => cursor.bytes(4, what).readFloatLE(),
  7: (cursor, what) => cursor.bytes(1, what).readUInt8() !== 0,
  8: (cursor, what) => cursor.text(what),
  10: (cursor, what) => Number(cursor.bytes(8, what).readBigUInt64LE()),
  11: (cursor, what) => Number(cursor.bytes(8, what).readBigInt64LE()),
  12: (cursor, what) => cursor.bytes(8, what).readDoubleLE(),
};

/** Reads a GGUF header from front to back. */
export class HeaderCursor {
  readonly #buffer: Buffer;
  readonly #file: string;
  #offset = 0;

  constructor(buffer: Buffer, file: string) {
    this.#buffer = buffer;
    this.#file = file;
  }

  get offset(): number {
    return this.#offset;
  }

  /** @throws PastTheEnd */
  bytes(length: number, what: string): Buffer {
    const start = this.#offset;
    if (start + length > this.#buffer.length) throw new PastTheEnd(what);
    this.#offset = start + length;
    return this.#buffer.subarray(start, start + length);
  }

  uint32(what: string): number {
    return this.bytes(4, what).readUInt32LE();
  }

  /** @throws InputError for a count above its ceiling */
  count(what: string, max: number): number {
    const count = this.bytes(8, what).readBigUInt64LE();
    if (count > BigInt(max)) {
      throw new InputError(
        `${this.#file}: ${what} ${count} is above ${max}; the file is broken or not GGUF`,
      );
    }
    return Number(count);
  }

  text(what: string): string {
    return this.bytes(this.count(`${what}: text length`, 2 ** 31), what).toString("utf8");
  }

  /** A value with its type in front of it. */
  value(key: string): MetadataValue {
    return this.#valueOf(this.uint32(key), key, 0);
  }

  #valueOf(type: number, key: string, depth: number): MetadataValue {
    if (type === ARRAY && depth < MAX_ARRAY_DEPTH) {
      const elementType = this.uint32(key);
      const length = this.count(`${key}: array length`, MAX_ARRAY_LENGTH);
      const values: MetadataValue[] = [];
      for (let i = 0; i < length; i++) values.push(this.#valueOf(elementType, key, depth + 1));
      return values;
    }
    const read = SCALARS[type];
    if (!read) {
      throw new InputError(`${this.#file}: metadata ${key} has the unknown type ${type}`);
    }
    return read(this, key);
  }
}
