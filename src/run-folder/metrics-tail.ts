/**
 * Reads metrics.jsonl as it grows. A line counts once its newline is there, so a torn line is never
 * half read; a line that a crash left broken is skipped. When a resume has cut the file back, the
 * next read says `reset` and starts over.
 */
import { type FileHandle, open } from "node:fs/promises";
import { type Metric, metricSchema } from "../protocol/run-folder.ts";
import { hasCode } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";

export interface MetricsBatch {
  /** True when what was read before no longer holds (and on the first read). */
  reset: boolean;
  metrics: Metric[];
  /** There is more to read at once: the batch was limited by size. */
  more: boolean;
}

/** One batch at most: about 10,000 lines. */
const MAX_BATCH_BYTES = 2 ** 21;
/** So much of what was read last is compared, to notice a file that was cut back and grew again. */
const GUARD_BYTES = 512;
const NEWLINE = 0x0a;

export class MetricsTail {
  readonly #file: string;
  #offset = 0;
  #guard: Buffer = Buffer.alloc(0);
  #isFirst = true;

  constructor(file: string) {
    this.#file = file;
  }

  async read(): Promise<MetricsBatch> {
    let handle: FileHandle;
    try {
      handle = await open(this.#file, "r");
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      const reset = this.#rewind(this.#offset > 0);
      return { reset, metrics: [], more: false };
    }
    try {
      return await this.#readFrom(handle);
    } finally {
      await handle.close();
    }
  }

  async #readFrom(handle: FileHandle): Promise<MetricsBatch> {
    const reset = this.#rewind(!(await this.#continues(handle)));
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(MAX_BATCH_BYTES, Math.max(0, size - this.#offset)));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#offset);
    const end = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
    const whole = buffer.subarray(0, end);
    this.#offset += end;
    this.#guard = Buffer.concat([this.#guard, whole]).subarray(-GUARD_BYTES);
    return {
      reset,
      metrics: parseLines(whole.toString("utf8")),
      more: end > 0 && this.#offset < size && bytesRead === MAX_BATCH_BYTES,
    };
  }

  /** Do the bytes before our position still stand there? */
  async #continues(handle: FileHandle): Promise<boolean> {
    if (this.#guard.length === 0) return true;
    const before = Buffer.alloc(this.#guard.length);
    const start = this.#offset - this.#guard.length;
    const { bytesRead } = await handle.read(before, 0, before.length, start);
    return bytesRead === before.length && before.equals(this.#guard);
  }

  #rewind(isCut: boolean): boolean {
    const reset = isCut || this.#isFirst;
    this.#isFirst = false;
    if (isCut) {
      this.#offset = 0;
      this.#guard = Buffer.alloc(0);
    }
    return reset;
  }
}

function parseLines(text: string): Metric[] {
  const metrics: Metric[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const result = metricSchema.safeParse(parseJson(line, "metrics.jsonl"));
      if (result.success) metrics.push(result.data);
    } catch {
      // Torn by a crash; the resume has written its successor.
    }
  }
  return metrics;
}
