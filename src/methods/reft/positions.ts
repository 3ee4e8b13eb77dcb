/** Where in the flat sequence the prompts' first and last tokens stand, for interventions on them. */
import { interventionPositions, parsePositions } from "../../adapter-files/reft/positions.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { Value } from "../../graph/graph.ts";
import type { AdapterFeeds, RowPlace } from "../method.ts";
import type { ReftEnd, ReftSettings } from "./reft.ts";
import { type Examples, promptLength } from "../../data/example.ts";
import type { ReftMethod } from "../../protocol/methods/reft.ts";
import { InputError } from "../../util/errors.ts";

const PROMPT_FEEDS: Record<ReftEnd, { name: string; size: "I" | "J" }> = {
  all: { name: "prompt.all", size: "I" },
  first: { name: "prompt.first", size: "I" },
  last: { name: "prompt.last", size: "J" },
};

/** Flat indices of the prompts' tokens that interventions on an end edit. */
export function promptInputs(b: GraphBuilder): (end: ReftEnd) => Value {
  const inputs = new Map<ReftEnd, Value>();
  return (end) => {
    const { name, size } = PROMPT_FEEDS[end];
    const known = inputs.get(end) ?? b.input(name, "int64", [size]);
    inputs.set(end, known);
    return known;
  };
}

/** @param rows those that are continued have no prompt in front of them any more */
export function promptFeeds(
  { interventions, positions }: ReftSettings,
  rows: readonly RowPlace[],
): AdapterFeeds {
  const prompts = rows.flatMap(({ start, prompt }) =>
    prompt === undefined ? [] : [{ start, length: prompt }],
  );
  const ends = prompts.map(({ start, length }) => {
    const { first, last } = interventionPositions(length, positions);
    return { first: first.map((at) => start + at), last: last.map((at) => start + at) };
  });
  const first = ends.flatMap((row) => row.first);
  const last = ends.flatMap((row) => row.last);
  const places = { all: [...first, ...last], first, last };
  const feeds: AdapterFeeds["feeds"] = {};
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
export function withMostPositions(method: ReftMethod): ReftMethod {
  if (method.positions !== "auto") return method;
  return { ...method, positions: `f${USUAL_POSITIONS}+l${USUAL_POSITIONS}` };
}

/** A prompt of fewer than two tokens can't be edited at all. */
const LEAST_POSITIONS = { first: 1, last: 1 };

/**
 * The method with positions that the data decide, decided.
 * @throws InputError naming the row whose prompt has no room for them
 */
export function withPositions(
  method: ReftMethod,
  rows: Examples,
  { file, log }: { file: string; log: (line: string) => void },
): ReftMethod {
  if (method.positions !== "auto") {
    checkPrompts(parsePositions(method.positions), rows, file);
    return method;
  }
  const positions = positionsFor(rows);
  log(`interventions at ${positions} of each prompt, or as many as it has room for`);
  checkPrompts(LEAST_POSITIONS, rows, file);
  return { ...method, positions };
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
  { first, last }: ReftSettings["positions"],
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
