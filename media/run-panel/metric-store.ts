import type { MetricColumns } from "../../src/protocol/panel-messages.ts";
import { lowerBound } from "./downsample.ts";

const FIRST_CAPACITY = 1024;

/**
 * The run's metrics, one row per step: a train line and an evaluation line of the same step become
 * one row. Columns are growable Float64Arrays, NaN where a row has no value. Steps ascend strictly;
 * elapsed time never falls (a clock that jumped back would fold the time axis over itself).
 */
export class MetricStore {
  #length = 0;
  #steps = new Float64Array(FIRST_CAPACITY);
  /** By name; one that no row has is not here. */
  readonly #values = new Map<string, Float64Array>();

  get size(): number {
    return this.#length;
  }

  /** [n], a view: valid until the next append. */
  get step(): Float64Array {
    return this.#steps.subarray(0, this.#length);
  }

  /** [n], a view: valid until the next append. */
  column(name: string): Float64Array {
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
  value(name: string, row: number): number {
    return this.column(name)[row] ?? NaN;
  }

  /** The value of the last row that has one. */
  last(name: string): number | undefined {
    const column = this.column(name);
    for (let row = column.length - 1; row >= 0; row -= 1) {
      if (!Number.isNaN(column[row]!)) return column[row];
    }
    return undefined;
  }

  /** The rows that have a value in this column, as row indices. */
  rowsWith(name: string): number[] {
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
    for (const [name, values] of Object.entries(columns)) {
      const value = values[index];
      if (name !== "step" && typeof value === "number") this.#buffer(name)[row] = value;
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

  #buffer(name: string): Float64Array {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const column = new Float64Array(this.#steps.length).fill(NaN);
    this.#values.set(name, column);
    return column;
  }
}
