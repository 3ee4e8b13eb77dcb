/** A text file in blocks of whole lines: strictly UTF-8, gunzipped where it is gzip, never all of it at once. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError, errorMessage, hasCode } from "../../util/errors.ts";
import { decodeUtf8 } from "../../util/utf8.ts";

export interface TextBlock {
  /** Whole lines; the file's last may lack its newline. Without a byte order mark. */
  text: string;
  /** 1-based number of the block's first line. */
  firstLine: number;
}

const BLOCK_BYTES = 1 << 20;
const NEWLINE = 0x0a;
/** A line is held in memory whole, and a text can't be longer than this. */
const MAX_LINE_BYTES = 256 * 2 ** 20;

/** @throws InputError naming the file that is missing or a folder, or line and byte that is not UTF-8 */
export async function* textBlocks(file: string): AsyncGenerator<TextBlock> {
  let firstLine = 1;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const take = (): Buffer => {
    const block = pending.length === 1 ? (pending[0] ?? Buffer.alloc(0)) : Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    return block;
  };
  for await (const chunk of chunksOf(file)) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes <= MAX_LINE_BYTES) continue;
      throw new InputError(
        `${file}:${firstLine}: the line is longer than ${MAX_LINE_BYTES / 2 ** 20} MiB; is the file what its name says?`,
      );
    }
    pending.push(chunk.subarray(0, end));
    const block = take();
    const text = decodeUtf8(block, file, firstLine);
    yield { text, firstLine };
    firstLine += countNewlines(block);
    if (end < chunk.length) {
      pending.push(chunk.subarray(end));
      pendingBytes = chunk.length - end;
    }
  }
  if (pending.length > 0) yield { text: decodeUtf8(take(), file, firstLine), firstLine };
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const source = createReadStream(file, { highWaterMark: BLOCK_BYTES });
  let stream: Readable = source;
  if (/\.gz$/iu.test(file)) {
    const unzipped = createGunzip({ chunkSize: BLOCK_BYTES });
    // A failure to read must reach whoever reads what is unzipped.
    source.on("error", (error) => unzipped.destroy(error));
    stream = source.pipe(unzipped);
  }
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new InputError(`data file ${file} does not exist`);
    if (hasCode(error, "EISDIR")) throw new InputError(`data file ${file} is a folder`);
    if (stream === source) throw error;
    throw new InputError(`${file} can't be unzipped: ${errorMessage(error)}`, { cause: error });
  } finally {
    source.destroy();
    stream.destroy();
  }
}
