/**
 * Which tensors of a model are trained, said in patterns over their names: what `freeze`,
 * `trainFirst`, `trainLast` and `learningRates` of a recipe mean, in the editor and the trainer alike.
 */
import { InputError } from "./errors.ts";
import { largest } from "./largest.ts";

export interface LayerChoice {
  /** Patterns in order: each freezes what it matches, or with a leading `!` trains it after all. */
  freeze?: readonly string[] | undefined;
  /** Only so many blocks at the start and at the end are trained. */
  trainFirst?: number | undefined;
  trainLast?: number | undefined;
}

/** Where in which block a tensor or module is: `stem` + `index` + "." + `inner` is its name. */
export interface BlockPlace {
  /** "model.layers." */
  stem: string;
  /** 0-based. */
  index: number;
  /** "self_attn.q_proj.weight" */
  inner: string;
}

/** A model's own knowledge; undefined for embeddings, last norm and head. */
export type BlockOf = (name: string) => BlockPlace | undefined;

/** A tensor's module: its name without the last part. */
export function moduleOf(tensor: string): string {
  return tensor.slice(0, Math.max(tensor.lastIndexOf("."), 0));
}

type Part = { text: string } | { from: number; to: number } | "*";

const MAX_PATTERN_PARTS = 200;
/** Real patterns have one. */
const MAX_TRIED_RANGES = 2;

/**
 * A pattern names whole parts of a dotted name, anywhere in it: `mlp` is every feed-forward,
 * `layers.3` the fourth block and all inside. `*` stands for any characters, `[4-11]` for the numbers
 * from 4 to 11. A match takes time by the product of both lengths, whatever the pattern is.
 * @throws InputError for a range that runs backwards, or a pattern of too many parts
 */
export function tensorPattern(pattern: string): { test(name: string): boolean } {
  const parts = partsOf(pattern);
  if (parts.length > MAX_PATTERN_PARTS) {
    throw new InputError(
      `pattern "${pattern.slice(0, 40)}…" has ${parts.length} parts, at most ${MAX_PATTERN_PARTS} are read`,
    );
  }
  // Every pattern of a recipe is asked about every tensor: what can't match is told at once.
  const texts = parts.flatMap((part) => (part !== "*" && "text" in part ? part.text : []));
  const mayMatch = (name: string) => texts.every((text) => name.includes(text));
  // Where a range follows another there are many ways to share out the digits.
  const ranges = parts.filter((part) => part !== "*" && "from" in part).length;
  if (!parts.includes("*") && ranges <= MAX_TRIED_RANGES) {
    return { test: (name) => mayMatch(name) && standsIn(parts, name) };
  }
  return {
    test: (name) => {
      if (!mayMatch(name)) return false;
      let places = placesWhere(name.length, (at) => at === 0 || name[at - 1] === ".");
      for (const part of parts) places = advance(places, part, name);
      return places.some(
        (isThere, at) => isThere === 1 && (at === name.length || name[at] === "."),
      );
    },
  };
}

/** Whether parts without a star stand somewhere in a name, from a dot to a dot. */
function standsIn(parts: readonly Part[], name: string): boolean {
  for (let start = 0; start !== -1; start = nextStart(name, start)) {
    if (endsAtDot(parts, 0, { name, at: start })) return true;
  }
  return false;
}

function nextStart(name: string, start: number): number {
  const dot = name.indexOf(".", start);
  return dot === -1 ? -1 : dot + 1;
}

function endsAtDot(
  parts: readonly Part[],
  index: number,
  { name, at }: { name: string; at: number },
): boolean {
  const part = parts[index];
  if (part === undefined) return at === name.length || name[at] === ".";
  if (part === "*") throw new Error("internal: a star in a pattern without one");
  if ("text" in part) {
    return (
      name.startsWith(part.text, at) &&
      endsAtDot(parts, index + 1, { name, at: at + part.text.length })
    );
  }
  return numberLengths(name, at, part).some((length) =>
    endsAtDot(parts, index + 1, { name, at: at + length }),
  );
}

function partsOf(pattern: string): Part[] {
  const texts = pattern.split(/(\*|\[\d+-\d+\])/u).filter((text) => text !== "");
  return texts.map((text): Part => {
    if (text === "*") return "*";
    const [, first, last] = /^\[(\d+)-(\d+)\]$/u.exec(text) ?? [];
    if (first === undefined || last === undefined) return { text };
    const [from, to] = [Number(first), Number(last)];
    if (to >= from) return { from, to };
    throw new InputError(
      `pattern "${pattern}": the range ${text} runs from ${from} to ${to}; write the smaller number first`,
    );
  });
}

/** Where in a name, its end included, something holds. */
function placesWhere(length: number, holds: (at: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: length + 1 }, (_, at) => Number(holds(at)));
}

/** Where the part can end that begins at one of the places. */
function advance(places: Uint8Array, part: Part, name: string): Uint8Array {
  if (part === "*") {
    const first = places.indexOf(1);
    return placesWhere(name.length, (at) => first !== -1 && at >= first);
  }
  const next = new Uint8Array(places.length);
  for (let at = places.indexOf(1); at !== -1; at = places.indexOf(1, at + 1)) {
    if ("text" in part) {
      if (name.startsWith(part.text, at)) next[at + part.text.length] = 1;
    } else {
      for (const length of numberLengths(name, at, part)) next[at + length] = 1;
    }
  }
  return next;
}

/** How many digits from here make a number of the range, as it is written. */
function numberLengths(
  name: string,
  at: number,
  { from, to }: { from: number; to: number },
): number[] {
  const lengths: number[] = [];
  const most = String(to).length;
  for (let length = 1; length <= most; length++) {
    const digits = name.slice(at, at + length);
    if (!/^(?:0|[1-9]\d*)$/u.test(digits)) break;
    const value = Number(digits);
    if (value >= from && value <= to) lengths.push(length);
  }
  return lengths;
}

/**
 * Whether a tensor or module of this name is trained.
 * @param names every tensor of the model
 * @param model.what what it is called in messages
 * @throws InputError for a pattern that matches nothing, or more blocks than there are
 */
export function trainedPredicate(
  { freeze = [], trainFirst, trainLast }: LayerChoice,
  names: readonly string[],
  model: { what: string; blockOf: BlockOf },
): (name: string) => boolean {
  const { what, blockOf } = model;
  const blocks =
    largest(
      names.map((name) => blockOf(name)?.index ?? -1),
      -1,
    ) + 1;
  for (const [key, count] of Object.entries({ trainFirst, trainLast })) {
    if (count !== undefined && count > blocks) {
      throw new InputError(`${key} ${count} is above the ${blocks} blocks of ${what}`);
    }
  }
  const rules = freeze.map((text) => {
    const trains = text.startsWith("!");
    const pattern = tensorPattern(trains ? text.slice(1) : text);
    if (!names.some((name) => pattern.test(name))) {
      throw new InputError(
        `freeze "${text}" matches no tensor of ${what}; it has ${outline(names)}`,
      );
    }
    return { trains, pattern };
  });
  const isLimited = trainFirst !== undefined || trainLast !== undefined;
  return (name) => {
    const block = blockOf(name)?.index;
    const isChosen =
      block !== undefined && (block < (trainFirst ?? 0) || block >= blocks - (trainLast ?? 0));
    const last = rules.findLast(({ pattern }) => pattern.test(name));
    return last?.trains ?? (isLimited ? isChosen : true);
  };
}

const NUMBERED = /(?:^|\.)(\d+)(?:\.|$)/u;

/** "model.embed_tokens, model.layers.0 to model.layers.29, model.norm": names that differ from a number on are one. */
export function outline(names: readonly string[]): string {
  const blocks = new Map<string, number>();
  const parts: string[] = [];
  for (const name of names) {
    const block = NUMBERED.exec(name);
    if (!block) {
      parts.push(name.replace(/\.(weight|bias)$/u, ""));
      continue;
    }
    const stem = name.slice(0, name.indexOf(block[1] as string, block.index));
    if (!blocks.has(stem)) parts.push(stem);
    blocks.set(stem, Math.max(blocks.get(stem) ?? 0, Number(block[1])));
  }
  return [...new Set(parts)]
    .map((part) => (blocks.has(part) ? `${part}0 to ${part}${blocks.get(part)}` : part))
    .join(", ");
}
