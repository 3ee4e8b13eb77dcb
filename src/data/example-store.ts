/**
 * Rows whose tokens lie side by side in a few large arrays: a row costs five bytes a token and
 * eight for its place, where objects of its own would take some hundred bytes more.
 */
import type { Example, Examples } from "./example.ts";

/** Consecutive rows. */
export interface Segment {
  /** Token ids of all rows, one row after the other. */
  ids: Int32Array;
  /** A flag for each token: the weight that the data give it, 1 or 0. */
  counted: Uint8Array;
  /** The place behind each row's last token. */
  ends: Int32Array;
  /** Each row's line in the file. */
  lines: Int32Array;
}

/** A segment has at most so many tokens, but for a row of more. */
const SEGMENT_TOKENS = 2 ** 18;

export class ExampleStore implements Examples {
  readonly segments: readonly Segment[];
  /** The number of each segment's first row. */
  readonly #starts: readonly number[];
  readonly length: number;

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
    let rows = 0;
    this.#starts = segments.map(({ ends }) => {
      rows += ends.length;
      return rows - ends.length;
    });
    this.length = rows;
  }

  /** Views of the arrays, but for the weights. */
  at(row: number): Example | undefined {
    if (row < 0 || row >= this.length) return undefined;
    const number = this.#segmentOf(row);
    const segment = this.segments[number];
    if (!segment) return undefined;
    const index = row - (this.#starts[number] ?? 0);
    const start = index === 0 ? 0 : (segment.ends[index - 1] ?? 0);
    const end = segment.ends[index] ?? 0;
    return {
      ids: segment.ids.subarray(start, end),
      weights: new Float32Array(segment.counted.subarray(start, end)),
      line: segment.lines[index] ?? 0,
    };
  }

  [Symbol.iterator](): ArrayIterator<Example> {
    return each(this);
  }

  /** The last one that starts at the row or before it. */
  #segmentOf(row: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= row) low = middle;
      else high = middle;
    }
    return low;
  }
}

function* each(examples: Pick<Examples, "length" | "at">): ArrayIterator<Example> {
  for (let row = 0; row < examples.length; row++) {
    const example = examples.at(row);
    if (example) yield example;
  }
}

/** Some rows of others, by their numbers. */
export class ChosenExamples implements Examples {
  readonly #all: Examples;
  readonly #rows: Int32Array;

  constructor(all: Examples, rows: Int32Array) {
    this.#all = all;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  at(index: number): Example | undefined {
    const row = this.#rows[index];
    return row === undefined ? undefined : this.#all.at(row);
  }

  [Symbol.iterator](): ArrayIterator<Example> {
    return each(this);
  }
}

/** A row to be stored. */
export interface FlaggedRow extends Pick<Example, "line"> {
  ids: ArrayLike<number>;
  /** For each token whether the data count it. */
  counted: Uint8Array;
}

/** Takes rows as they come; of a row nothing is kept but its numbers. */
export class ExampleStoreBuilder {
  readonly #segments: Segment[] = [];
  readonly #ids = new Int32Array(SEGMENT_TOKENS);
  readonly #counted = new Uint8Array(SEGMENT_TOKENS);
  #ends: number[] = [];
  #lines: number[] = [];
  #tokens = 0;

  add({ ids, counted, line }: FlaggedRow): void {
    if (this.#tokens + ids.length > SEGMENT_TOKENS) this.#close();
    if (ids.length > SEGMENT_TOKENS) {
      const [ends, lines] = [Int32Array.of(ids.length), Int32Array.of(line)];
      this.#segments.push({ ids: Int32Array.from(ids), counted: counted.slice(), ends, lines });
      return;
    }
    this.#counted.set(counted, this.#tokens);
    // `set` takes ten times as long for a list that is no typed array.
    for (let token = 0; token < ids.length; token++) {
      this.#ids[this.#tokens + token] = ids[token] ?? 0;
    }
    this.#tokens += ids.length;
    this.#ends.push(this.#tokens);
    this.#lines.push(line);
  }

  finish(): ExampleStore {
    this.#close();
    return new ExampleStore(this.#segments);
  }

  #close(): void {
    if (this.#ends.length === 0) return;
    this.#segments.push({
      ids: this.#ids.slice(0, this.#tokens),
      counted: this.#counted.slice(0, this.#tokens),
      ends: Int32Array.from(this.#ends),
      lines: Int32Array.from(this.#lines),
    });
    [this.#ends, this.#lines, this.#tokens] = [[], [], 0];
  }
}
