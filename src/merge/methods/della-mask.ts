/** DELLA, arXiv 2406.11617: MagPrune drops elements at random, small ones of a row more often than large ones. */
import { InputError } from "../../util/errors.ts";
import { scoreBits } from "./largest.ts";
import { type Method, columnsOf } from "./method.ts";
import { RowSorter } from "./row-sorter.ts";
import { type MaskPart, randomWords } from "./philox.ts";
import { thinnedTaskVectors } from "./thinned.ts";

const TWO_32 = 2 ** 32;

/** @returns ones for what is kept. @param chances of each element. @param model 0-based */
export type DrawByChance = (
  part: Omit<MaskPart, "density">,
  chances: Float64Array,
  model: number,
) => Uint8Array;

/** Element i is kept where its random word is below chance · 2³². */
const drawByChance: DrawByChance = (part, chances) => {
  const words = randomWords(part);
  const mask = new Uint8Array(chances.length);
  for (let i = 0; i < mask.length; i++) mask[i] = Number(words[i]! < chances[i]! * TWO_32);
  return mask;
};

/**
 * p = density − ε + 2ε · (r − 1) / (columns − 1), r the rank of |δ| in its row from 1, the smallest; of equal ones
 * the first has the lower rank.
 * @param delta whole rows
 */
export function keepChances(
  delta: Float64Array,
  columns: number,
  { density, epsilon }: { density: number; epsilon: number },
): Float64Array {
  const chances = new Float64Array(delta.length);
  const bits = scoreBits(delta);
  const step = columns > 1 ? (2 * epsilon) / (columns - 1) : 0;
  const sorter = new RowSorter(columns);
  for (let row = 0; row < delta.length; row += columns) {
    const order = sorter.ascending(bits.subarray(row, row + columns));
    for (let rank = 0; rank < columns; rank++) {
      chances[row + order[rank]!] = density - epsilon + rank * step;
    }
  }
  return chances;
}

/** @throws InputError where a chance would not be one */
function check(density: number, epsilon: number): void {
  if (density + epsilon < 1 && density - epsilon > 0) return;
  throw new InputError(
    `density ${density} and epsilon ${epsilon}: density + epsilon must be below 1 and density - epsilon above 0`,
  );
}

export function dellaMethod(join: "linear" | "ties", draw: DrawByChance = drawByChance): Method {
  return thinnedTaskVectors({
    join,
    needsRows: true,
    mask: (delta, model, { start, tensor }) => {
      const { parameters } = tensor;
      const [density, epsilon] = [parameters.density[model]!, parameters.epsilon[model]!];
      check(density, epsilon);
      const chances = keepChances(delta, columnsOf(tensor), { density, epsilon });
      return draw({ key: parameters.keys[model]!, start, length: delta.length }, chances, model);
    },
  });
}
