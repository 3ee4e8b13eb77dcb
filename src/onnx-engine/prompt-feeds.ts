/** Where in the flat sequence the prompts' first and last tokens stand, for interventions on them. */
import { interventionPositions } from "../adapter-files/reft/positions.ts";
import type { ReftAdapter, ReftEnd } from "../adapters/reft.ts";
import { type Examples, promptLength } from "../data/example.ts";
import type { Method } from "../protocol/methods.ts";
import { InputError } from "../util/errors.ts";
import type { Feed } from "./ort-session.ts";

export const PROMPT_FEEDS: Record<ReftEnd, { name: string; size: "I" | "J" }> = {
  all: { name: "prompt.all", size: "I" },
  first: { name: "prompt.first", size: "I" },
  last: { name: "prompt.last", size: "J" },
};

/**
 * @param prompts each row's start in the flat sequence, and how many of its tokens are prompt
 */
export function promptFeeds(
  { interventions, positions }: ReftAdapter,
  prompts: readonly { start: number; length: number }[],
): { feeds: Record<string, Feed>; sizes: { I: number; J: number } } {
  const ends = prompts.map(({ start, length }) => {
    const { first, last } = interventionPositions(length, positions);
    return { first: first.map((at) => start + at), last: last.map((at) => start + at) };
  });
  const first = ends.flatMap((row) => row.first);
  const last = ends.flatMap((row) => row.last);
  const places = { all: [...first, ...last], first, last };
  const feeds: Record<string, Feed> = {};
  const sizes = { I: 0, J: 0 };
  for (const end of new Set(interventions.map((one) => one.end))) {
    const { name, size } = PROMPT_FEEDS[end];
    feeds[name] = BigInt64Array.from(places[end], BigInt);
    sizes[size] = places[end].length;
  }
  return { feeds, sizes };
}

/** As pyreft's examples for instructions have it. */
const USUAL_POSITIONS = 7;

/** The method with the most that `positions: "auto"` can come to, for who has read no rows. */
export function withMostPositions(method: Method): Method {
  if (!("positions" in method) || method.positions !== "auto") return method;
  return { ...method, positions: `f${USUAL_POSITIONS}+l${USUAL_POSITIONS}` };
}

/**
 * What `positions: "auto"` comes to on these rows: "f5+l5" where half of the prompts have at most 11
 * tokens. Shorter ones take what they have, as pyreft's do.
 */
export function positionsFor(rows: Examples): string {
  const lengths = Int32Array.from(rows, promptLength).sort();
  const median = lengths[Math.floor(lengths.length / 2)] ?? 0;
  const count = Math.max(1, Math.min(USUAL_POSITIONS, Math.floor(median / 2)));
  return `f${count}+l${count}`;
}

/**
 * @param positions that every prompt must have room for
 * @param file that the rows are from, for messages
 * @throws InputError for a row whose prompt is shorter than the positions ask for
 */
export function checkPrompts(
  { first, last }: ReftAdapter["positions"],
  rows: Examples,
  file: string,
): void {
  let [found, line] = [Infinity, 0];
  for (const example of rows) {
    const length = promptLength(example);
    if (length < found) [found, line] = [length, example.line];
  }
  if (found >= Math.max(first + last, 2 * first, 2 * last)) return;
  const half = Math.floor(found / 2);
  const remedy =
    half === 0
      ? "representation fine-tuning edits prompts: rows need one"
      : `shorten method.positions to f${half}+l${half} or less, or set it to "auto"`;
  throw new InputError(
    `${file}:${line}: its prompt has ${found} tokens, but method.positions take ${first} at its start and ${last} at its end, at most half of it each; ${remedy}`,
  );
}
