/**
 * Places of a row by magnitude: a radix sort over the 31 bits of a float32 that is not negative, in the time of a
 * few passes. Sorting numbers by comparison takes ten times as long, and is most of what DELLA costs.
 */

const MAGNITUDE_BITS = 31;
/** Short rows take fewer bits at a time: else clearing the counts costs more than the row. */
const SHORT_ROW = 4096;
const [SHORT_DIGIT, LONG_DIGIT] = [8, 11];

/** Keeps its arrays from row to row. */
export class RowSorter {
  readonly #digit: number;
  readonly #counts: Uint32Array;
  #from: Uint32Array;
  #to: Uint32Array;

  constructor(columns: number) {
    this.#digit = columns < SHORT_ROW ? SHORT_DIGIT : LONG_DIGIT;
    this.#counts = new Uint32Array(2 ** this.#digit);
    this.#from = new Uint32Array(columns);
    this.#to = new Uint32Array(columns);
  }

  /**
   * @param bits of a whole row, as `scoreBits` makes them
   * @returns places from the smallest to the largest; of equal ones the first comes first. Good until the next call
   */
  ascending(bits: Uint32Array): Uint32Array {
    for (let i = 0; i < bits.length; i++) this.#from[i] = i;
    for (let shift = 0; shift < MAGNITUDE_BITS; shift += this.#digit) this.#sortBy(bits, shift);
    return this.#from;
  }

  /** Keeps the order of those whose digit is equal. */
  #sortBy(bits: Uint32Array, shift: number): void {
    const counts = this.#counts.fill(0);
    const [from, to, mask] = [this.#from, this.#to, counts.length - 1];
    for (let i = 0; i < bits.length; i++) {
      const digit = (bits[i]! >>> shift) & mask;
      counts[digit] = counts[digit]! + 1;
    }
    // All alike, as the last bits of bfloat16's values are.
    if (counts[(bits[0]! >>> shift) & mask] === bits.length) return;
    let before = 0;
    for (let digit = 0; digit < counts.length; digit++) {
      const own = counts[digit]!;
      counts[digit] = before;
      before += own;
    }
    for (let i = 0; i < bits.length; i++) {
      const place = from[i]!;
      const digit = (bits[place]! >>> shift) & mask;
      to[counts[digit]!] = place;
      counts[digit] = counts[digit]! + 1;
    }
    [this.#from, this.#to] = [to, from];
  }
}
