/** Text files in UTF-8: no byte becomes U+FFFD unnoticed. */
import { isUtf8 } from "node:buffer";
import { InputError } from "./errors.ts";

const NEWLINE = 0x0a;

interface InvalidByte {
  /** 1-based, in the bytes given. */
  line: number;
  /** 1-based, within its line. */
  column: number;
  value: number;
}

/** The first byte that is not UTF-8; undefined where all are. */
function invalidUtf8(bytes: Uint8Array): InvalidByte | undefined {
  if (isUtf8(bytes)) return undefined;
  let line = 1;
  let start = 0;
  // A newline is never part of another character, so that lines can be judged one by one.
  for (;;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const text = bytes.subarray(start, end);
    if (!isUtf8(text)) {
      const offset = validBytes(text);
      return { line, column: offset + 1, value: text[offset] ?? 0 };
    }
    if (newline < 0) throw new Error("internal: all lines are UTF-8, their file is not");
    line++;
    start = end + 1;
  }
}

/** How many bytes at the start are whole characters. */
function validBytes(text: Uint8Array): number {
  let offset = 0;
  for (;;) {
    const lead = text[offset] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const character = text.subarray(offset, offset + length);
    if (character.length < length || !isUtf8(character)) return offset;
    offset += length;
  }
}

/**
 * Without a byte order mark.
 * @param firstLine of the bytes in the file, for the message
 * @throws InputError naming the line and the byte that is not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, name: string, firstLine = 1): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new InputError(`${name} is UTF-16 text; save it as UTF-8`);
  }
  const invalid = invalidUtf8(bytes);
  if (!invalid) return new TextDecoder().decode(bytes);
  const { line, column, value } = invalid;
  throw new InputError(
    `${name}:${line + firstLine - 1}: byte ${column} of the line, 0x${value.toString(16).toUpperCase()}, is not UTF-8; save the file as UTF-8`,
  );
}
