import { type FileHandle, open } from "node:fs/promises";
import { hasCode } from "../../util/errors.ts";

export interface LogTailOptions {
  maxLines: number;
  maxBytes: number;
}

/** The last lines of a text file, none when there is no such file. A cut first line is left out. */
export async function readLastLines(file: string, options: LogTailOptions): Promise<string[]> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - options.maxBytes);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
    const lines = buffer.toString("utf8", 0, bytesRead).split(/\r?\n/);
    if (start > 0) lines.shift();
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(-options.maxLines);
  } finally {
    await handle.close();
  }
}
