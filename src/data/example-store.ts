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

/** A segment is closed beyond so many tokens. */
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

/** A row as it is stored. */
export interface FlaggedRow extends Pick<Example, "ids" | "line"> {
  /** For each token whether the data count it. */
  counted: Uint8Array;
}

/** Takes rows as they come. */
export class ExampleStoreBuilder {
  readonly #segments: Segment[] = [];
  #rows: FlaggedRow[] = [];
  #tokens = 0;

  add(row: FlaggedRow): void {
    this.#rows.push(row);
    this.#tokens += row.ids.length;
    if (this.#tokens >= SEGMENT_TOKENS) this.#close();
  }

  finish(): ExampleStore {
    if (this.#rows.length > 0) this.#close();
    return new ExampleStore(this.#segments);
  }

  #close(): void {
    const rows = this.#rows;
    const segment: Segment = {
      ids: new Int32Array(this.#tokens),
      counted: new Uint8Array(this.#tokens),
      ends: new Int32Array(rows.length),
      lines: Int32Array.from(rows, ({ line }) => line),
    };
    let end = 0;
    rows.forEach(({ ids, counted }, index) => {
      segment.ids.set(ids, end);
      segment.counted.set(counted, end);
      segment.ends[index] = end += ids.length;
    });
    this.#segments.push(segment);
    this.#rows = [];
    this.#tokens = 0;
  }
}
