/**
 * What a process that was killed in the midst of a line left of it in a file that is appended to: the
 * next line would be glued to it. Only for whoever alone writes to the file.
 */
import { type FileHandle, open } from "node:fs/promises";
import { hasCode } from "./errors.ts";

const BLOCK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** Cuts the file back to its last whole line. */
export function cutTornLine(file: string): Promise<void> {
  return withTornLine(file, async (handle, torn, start) => {
    if (torn.length > 0) await handle.truncate(start);
  });
}

/** Keeps what the line says, a library's last words perhaps, up to its last whole character. */
export function endTornLine(file: string): Promise<void> {
  return withTornLine(file, async (handle, torn, start) => {
    if (torn.length === 0) return;
    const end = start + wholeCharacters(torn);
    await handle.truncate(end);
    await handle.write("\n", end);
  });
}

/** @param work gets the bytes after the last newline, and where they start; a missing file is left alone */
async function withTornLine(
  file: string,
  work: (handle: FileHandle, torn: Buffer, start: number) => Promise<void>,
): Promise<void> {
  const handle = await open(file, "r+").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    let start = (await handle.stat()).size;
    let torn = Buffer.alloc(0);
    while (start > 0) {
      const length = Math.min(BLOCK_BYTES, start);
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, start - length);
      const newline = buffer.lastIndexOf(NEWLINE);
      torn = Buffer.concat([buffer.subarray(newline + 1), torn]);
      start -= length - (newline + 1);
      if (newline >= 0) break;
    }
    await work(handle, torn, start);
  } finally {
    await handle.close();
  }
}

/** Length without the first bytes of a UTF-8 character whose others are missing. */
function wholeCharacters(bytes: Buffer): number {
  const last = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  const first = bytes[last] ?? 0;
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return last >= 0 && last + needed > bytes.length ? last : bytes.length;
}
