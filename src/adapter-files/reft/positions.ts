/**
 * At which positions of a prompt representation fine-tuning intervenes, as pyreft counts them
 * (pyreft/dataset.py, parse_positions and get_intervention_locations): "f7+l7" is the first 7 and the
 * last 7 tokens of the prompt, never of the answer.
 *
 * From a prompt of L tokens either side takes at most ⌊L / 2⌋, also when it is the only side: "l7" of
 * a prompt of 8 is its last 4, and a prompt of 1 token is left alone. So no token is in both sides;
 * of an odd prompt shorter than both together, the one in the middle is in neither.
 *
 * pyreft fills what is missing with the position of a padding token, which it puts before each prompt
 * and masks out (`pad_mode` "first"). Nothing attends to that token, so what is added to it changes
 * no result: here it is left out. (With the padding token pyreft's prompts begin at position 1, which
 * a model with rotary positions does not see and one with learned positions does.)
 */
import { InputError } from "../../util/errors.ts";

export interface PositionCounts {
  first: number;
  last: number;
}

export interface InterventionPositions {
  /** Zero-based, ascending, shorter than asked for in a short prompt. */
  first: readonly number[];
  last: readonly number[];
}

/** f<n>, l<n> or f<n>+l<n> */
const POSITIONS = /^(?:f(\d{1,6}))?(\+)?(?:l(\d{1,6}))?$/;

/** @throws InputError quoting the text; pyreft's own parser takes what it can't read for nothing */
export function parsePositions(text: string): PositionCounts {
  const [matched, f, plus, l] = POSITIONS.exec(text) ?? [];
  const both = f !== undefined && l !== undefined;
  const counts = { first: Number(f ?? 0), last: Number(l ?? 0) };
  if (matched === undefined || both !== (plus !== undefined) || counts.first + counts.last === 0) {
    throw new InputError(
      `positions are ${JSON.stringify(text.slice(0, 40))}, expected f<n>, l<n> or f<n>+l<n> with n of 1 or more, for example "f7+l7": the first and last 7 tokens of the prompt`,
    );
  }
  return counts;
}

/** @param promptLength in tokens, special ones included */
export function interventionPositions(
  promptLength: number,
  { first, last }: PositionCounts,
): InterventionPositions {
  const half = Math.floor(promptLength / 2);
  const firstCount = Math.min(half, first);
  const lastCount = Math.min(half, last);
  return {
    first: Array.from({ length: firstCount }, (_, i) => i),
    last: Array.from({ length: lastCount }, (_, i) => promptLength - lastCount + i),
  };
}
