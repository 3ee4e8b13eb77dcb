import type { MetricColumns } from "../../src/protocol/panel-messages.ts";
import { lowerBound } from "./downsample.ts";

/** Columns of the charts and the hover line, besides `step`. */
const VALUE_COLUMNS = [
  "epoch",
  "elapsedMs",
  "loss",
  "evalLoss",
  "evalAccuracy",
  "evalMacroF1",
  "learningRate",
  "gradNorm",
  "tokens",
  "tokensPerSecond",
  "rssBytes",
] as const;
export type ValueColumn = (typeof VALUE_COLUMNS)[number];

const FIRST_CAPACITY = 1024;

/**
 * The run's metrics, one row per step: a train line and an evaluation line of the same step become
 * one row. Columns are growable Float64Arrays, NaN where a row has no value. Steps ascend strictly;
 * elapsed time never falls (a clock that jumped back would fold the time axis over itself).
 */
export class MetricStore {
  #length = 0;
  #steps = new Float64Array(FIRST_CAPACITY);
  readonly #values = new Map<ValueColumn, Float64Array>(
    VALUE_COLUMNS.map((name) => [name, new Float64Array(FIRST_CAPACITY)]),
  );

  get size(): number {
    return this.#length;
  }

  /** [n], a view: valid until the next append. */
  get step(): Float64Array {
    return this.#steps.subarray(0, this.#length);
  }

  /** [n], a view: valid until the next append. */
  column(name: ValueColumn): Float64Array {
    return this.#buffer(name).subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  append(columns: MetricColumns): void {
    for (let index = 0; index < columns.step.length; index += 1) {
      const step = columns.step[index];
      if (typeof step === "number") this.#appendRow(step, columns, index);
    }
  }

  /** NaN where the row has no such value, or where there is no such row. */
  value(name: ValueColumn, row: number): number {
    return this.column(name)[row] ?? NaN;
  }

  /** The value of the last row that has one. */
  last(name: ValueColumn): number | undefined {
    const column = this.column(name);
    for (let row = column.length - 1; row >= 0; row -= 1) {
      if (!Number.isNaN(column[row]!)) return column[row];
    }
    return undefined;
  }

  /** The rows that have a value in this column, as row indices. */
  rowsWith(name: ValueColumn): number[] {
    const rows: number[] = [];
    this.column(name).forEach((value, row) => {
      if (!Number.isNaN(value)) rows.push(row);
    });
    return rows;
  }

  #appendRow(step: number, columns: MetricColumns, index: number): void {
    const lastStep = this.#length > 0 ? this.#steps[this.#length - 1]! : -1;
    // A step that was there before: a resume that went back. What followed it no longer counts.
    if (step < lastStep) this.#length = lowerBound(this.step, step);
    if (step !== lastStep || this.#length === 0) this.#startRow(step);
    const row = this.#length - 1;
    for (const name of VALUE_COLUMNS) {
      const value = columns[name][index];
      if (typeof value === "number") this.#buffer(name)[row] = value;
    }
    const elapsed = this.#buffer("elapsedMs");
    const before = row > 0 ? elapsed[row - 1]! : 0;
    if (!(elapsed[row]! >= before)) elapsed[row] = before;
  }

  #startRow(step: number): void {
    if (this.#length === this.#steps.length) this.#grow();
    const row = this.#length;
    this.#length += 1;
    this.#steps[row] = step;
    for (const column of this.#values.values()) column[row] = NaN;
  }

  #grow(): void {
    const capacity = this.#steps.length * 2;
    const grown = (old: Float64Array) => {
      const fresh = new Float64Array(capacity);
      fresh.set(old);
      return fresh;
    };
    this.#steps = grown(this.#steps);
    for (const [name, column] of this.#values) this.#values.set(name, grown(column));
  }

  #buffer(name: ValueColumn): Float64Array {
    const column = this.#values.get(name);
    if (column === undefined) throw new Error(`internal: no column ${name}`);
    return column;
  }
}
