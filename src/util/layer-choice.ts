/**
 * The way back from `trainedPredicate`: which `trainFirst`, `trainLast` and `freeze` say that exactly
 * these tensors are trained, as short as a person would write it.
 *
 * From each promising start (all trained, the last n blocks, the first n) patterns are added
 * greedily: always the one that puts most of the tensors right that are still wrong. As the last
 * pattern that matches counts, a broad one may come first and its exceptions after it.
 */
import { type BlockOf, type LayerChoice, trainedPredicate } from "./tensor-patterns.ts";

interface Candidate {
  /** Without the leading "!". For a candidate over blocks: what stands between `stem` and `tail`. */
  text: (first: number, last: number) => string;
  /** Indices into the names: all that match, or for each block those in it. */
  matches: readonly (readonly number[])[];
}

interface Step {
  text: string;
  trains: boolean;
  gain: number;
  matches: readonly number[];
}

/**
 * @param names every tensor that can be trained, each once
 * @param trained those that are; others in it are ignored
 * @returns the choice for which `trainedPredicate` is true for exactly `trained`; `{}` for all
 */
export function layerChoiceOf(
  names: readonly string[],
  trained: ReadonlySet<string>,
  blockOf: BlockOf,
): LayerChoice {
  const target = names.map((name) => trained.has(name));
  if (target.every(Boolean)) return {};
  if (!target.some(Boolean)) return { freeze: ["*"] };
  const model = { names, blockOf };
  const candidates = candidatesOf(model);
  const choices = startsOf(model, target)
    .map((start) => complete({ start, model, target, candidates }))
    .filter((choice) => choice !== undefined)
    .filter((choice) => isExactly(choice, model, target));
  return (
    choices.toSorted(
      (a, b) => length(a) - length(b) || JSON.stringify(a).length - JSON.stringify(b).length,
    )[0] ?? { freeze: spelledOut(names, target) }
  );
}

/** How many things a person reads. */
function length({ freeze = [], trainFirst, trainLast }: LayerChoice): number {
  return freeze.length + [trainFirst, trainLast].filter((count) => count !== undefined).length;
}

interface Model {
  names: readonly string[];
  blockOf: BlockOf;
}

function predicateOf(choice: LayerChoice, { names, blockOf }: Model): (name: string) => boolean {
  return trainedPredicate(choice, names, { what: "the model", blockOf });
}

function isExactly(choice: LayerChoice, model: Model, target: readonly boolean[]): boolean {
  const { names } = model;
  const isTrained = predicateOf(choice, model);
  return names.every((name, index) => isTrained(name) === target[index]);
}

/** All, and blocks at either end: as many as are trained whole, and as many as are trained at all. */
function startsOf({ names, blockOf }: Model, target: readonly boolean[]): LayerChoice[] {
  const blocks: boolean[][] = [];
  for (const [index, name] of names.entries()) {
    const block = blockOf(name)?.index;
    if (block !== undefined) (blocks[block] ??= []).push(target[index] === true);
  }
  const whole = Array.from(blocks, (block) => block?.every(Boolean) ?? true);
  const some = Array.from(blocks, (block) => block?.some(Boolean) ?? true);
  const runs = (flags: readonly boolean[]) => {
    const end = flags.indexOf(false);
    return end < 0 ? flags.length : end;
  };
  const starts: LayerChoice[] = [{}];
  for (const flags of [whole, some]) {
    const [first, last] = [runs(flags), runs(flags.toReversed())];
    if (last > 0) starts.push({ trainLast: last });
    if (first > 0) starts.push({ trainFirst: first });
    if (first > 0 && last > 0) starts.push({ trainFirst: first, trainLast: last });
  }
  return starts;
}

/** Undefined where no candidate helps any more. */
function complete(options: {
  start: LayerChoice;
  model: Model;
  target: readonly boolean[];
  candidates: readonly Candidate[];
}): LayerChoice | undefined {
  const { start, model, target, candidates } = options;
  const now = model.names.map(predicateOf(start, model));
  const freeze: string[] = [];
  while (now.some((isTrained, index) => isTrained !== target[index])) {
    const best = bestStep(candidates, now, target);
    if (best === undefined) return undefined;
    freeze.push(best.trains ? `!${best.text}` : best.text);
    for (const index of best.matches) now[index] = best.trains;
  }
  return freeze.length === 0 ? start : { ...start, freeze };
}

function bestStep(
  candidates: readonly Candidate[],
  now: readonly boolean[],
  target: readonly boolean[],
): Step | undefined {
  let best: Step | undefined;
  for (const { text, matches } of candidates) {
    for (const trains of [false, true]) {
      const gains = matches.map((indices) =>
        indices.reduce((sum, index) => {
          const [before, after] = [now[index] === target[index], trains === target[index]];
          return sum + Number(after) - Number(before);
        }, 0),
      );
      const { first, last, gain } = bestRange(gains);
      if (gain <= 0 || gain < (best?.gain ?? 0)) continue;
      const step = { text: text(first, last), trains, gain };
      if (gain === best?.gain && step.text.length >= best.text.length) continue;
      best = { ...step, matches: matches.slice(first, last + 1).flat() };
    }
  }
  return best;
}

/** The run of neighbours with the largest sum (Kadane), the shortest of equals. */
function bestRange(gains: readonly number[]): { first: number; last: number; gain: number } {
  let best = { first: 0, last: 0, gain: 0 };
  let [first, sum] = [0, 0];
  for (const [index, gain] of gains.entries()) {
    if (sum <= 0) [first, sum] = [index, 0];
    sum += gain;
    if (sum > best.gain) best = { first, last: index, gain: sum };
  }
  return best;
}

/** Names of modules and of kinds of tensors, over the whole model and over ranges of blocks. */
function candidatesOf({ names, blockOf }: Model): Candidate[] {
  const everywhere = new Set(["*"]);
  const inBlocks = new Map<string, Map<string, number[][]>>();
  for (const [index, name] of names.entries()) {
    const block = blockOf(name);
    const parts = partsOf(block?.inner ?? name);
    for (const part of parts) if (block || part.isTensor) everywhere.add(part.text);
    if (!block) continue;
    const { stem } = block;
    const tails = inBlocks.get(stem) ?? new Map<string, number[][]>();
    inBlocks.set(stem, tails);
    for (const tail of [
      "",
      ...parts.map(({ text, isInner }) => `.${isInner ? "*." : ""}${text}`),
    ]) {
      const blocks = tails.get(tail) ?? [];
      tails.set(tail, blocks);
      (blocks[block.index] ??= []).push(index);
    }
  }
  const overAll = [...everywhere].map((text): Candidate => {
    const pattern = patternOf(text);
    const matches = [...names.keys()].filter((index) => pattern(names[index] ?? ""));
    return { text: () => text, matches: [matches] };
  });
  const overBlocks = [...inBlocks].flatMap(([stem, tails]) =>
    [...tails].map(([tail, blocks]): Candidate => ({
      text: (first, last) => `${stem}${first === last ? first : `[${first}-${last}]`}${tail}`,
      matches: Array.from(blocks, (indices) => indices ?? []),
    })),
  );
  return [...overAll, ...overBlocks];
}

/** What `tensorPattern` matches, for the simple patterns made here: a test of plain text. */
function patternOf(text: string): (name: string) => boolean {
  if (text === "*") return () => true;
  if (!text.startsWith("*")) return (name) => `.${name}.`.includes(`.${text}.`);
  return (name) => `.${name}.`.includes(`${text.slice(1)}.`);
}

interface Part {
  text: string;
  /** All of the name but `.weight` or `.bias`. */
  isTensor: boolean;
  /** Does not begin where the block ends. */
  isInner: boolean;
}

/** "self_attn.q_proj.weight" → self_attn, self_attn.q_proj, q_proj */
function partsOf(path: string): Part[] {
  // A tensor that is called as its block is.
  if (path === "") return [];
  const stem = path.replace(/\.(weight|bias)$/u, "");
  const parts = stem.split(".");
  const found: Part[] = parts.map((_, end) => ({
    text: parts.slice(0, end + 1).join("."),
    isTensor: end === parts.length - 1,
    isInner: false,
  }));
  if (parts.length > 1) found.push({ text: parts.at(-1) ?? "", isTensor: false, isInner: true });
  if (path !== stem) found.push({ text: path, isTensor: true, isInner: false });
  if (stem.endsWith("norm")) found.push({ text: "*norm", isTensor: true, isInner: false });
  if (path.endsWith(".bias")) found.push({ text: "bias", isTensor: true, isInner: true });
  return found;
}

/** Every name by itself: a shorter one may stand inside a longer one, which then comes after it. */
function spelledOut(names: readonly string[], target: readonly boolean[]): string[] {
  return [...names.keys()]
    .toSorted((a, b) => (names[a] ?? "").length - (names[b] ?? "").length)
    .map((index) => `${target[index] ? "!" : ""}${names[index]}`);
}
