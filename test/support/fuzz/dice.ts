/** Chance by a seed: the same cases each time. */
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";

export class Dice {
  readonly #random: ReturnType<typeof xorshift128plus>;

  constructor(seed: number) {
    this.#random = xorshift128plus(seed);
    // Seeds side by side begin alike.
    for (let n = 0; n < 20; n++) this.#random.next();
  }

  /** From 0 to `below` − 1. */
  int(below: number): number {
    return (this.#random.next() >>> 0) % below;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.int(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }
}
