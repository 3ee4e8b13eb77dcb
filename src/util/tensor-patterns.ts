/**
 * Which tensors of a model are trained, said in patterns over their names: what `freeze`,
 * `trainFirst`, `trainLast` and `learningRates` of a recipe mean, in the editor and the trainer alike.
 */
import { InputError } from "./errors.ts";
import { largest } from "./largest.ts";

export interface LayerChoice {
  /** Patterns in order: each freezes what it matches, or with a leading `!` trains it after all. */
  freeze?: readonly string[] | undefined;
  /** Of the blocks, only so many at the start and at the end are trained. */
  trainFirst?: number | undefined;
  trainLast?: number | undefined;
}

const BLOCK = /(?:^|\.)(?:layers|layer|h|blocks)\.(\d+)(?:\.|$)/u;

/** The block that a tensor or module belongs to, 0-based; undefined for embeddings, last norm and head. */
export function blockOf(name: string): number | undefined {
  const found = BLOCK.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

const MAX_RANGE = 10_000;

/**
 * A pattern names whole parts of a dotted name, anywhere in it: `mlp` is every feed-forward,
 * `layers.3` the fourth block and all inside. `*` stands for any characters, `[4-11]` for the numbers
 * from 4 to 11.
 * @throws InputError for a range that runs backwards
 */
export function tensorPattern(pattern: string): RegExp {
  const source = pattern
    .split(/(\*|\[\d+-\d+\])/u)
    .map((part) => {
      if (part === "*") return ".*";
      const [, from, to] = /^\[(\d+)-(\d+)\]$/u.exec(part) ?? [];
      if (from === undefined || to === undefined)
        return part.replaceAll(/[.+?^${}()|[\]\\]/gu, "\\$&");
      const [first, last] = [Number(from), Number(to)];
      if (last < first || last - first > MAX_RANGE) {
        throw new InputError(
          `pattern "${pattern}": the range ${part} runs from ${first} to ${last}; write the smaller number first`,
        );
      }
      return `(?:${Array.from({ length: last - first + 1 }, (_, i) => first + i).join("|")})`;
    })
    .join("");
  return new RegExp(`(?:^|\\.)${source}(?:\\.|$)`, "u");
}

/**
 * Whether a tensor or module of this name is trained.
 * @param names every tensor of the model
 * @param what the model, for messages
 * @throws InputError for a pattern that matches nothing, or more blocks than there are
 */
export function trainedPredicate(
  { freeze = [], trainFirst, trainLast }: LayerChoice,
  names: readonly string[],
  what: string,
): (name: string) => boolean {
  const blocks =
    largest(
      names.map((name) => blockOf(name) ?? -1),
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
    const block = blockOf(name);
    const isChosen =
      block !== undefined && (block < (trainFirst ?? 0) || block >= blocks - (trainLast ?? 0));
    const last = rules.findLast(({ pattern }) => pattern.test(name));
    return last?.trains ?? (isLimited ? isChosen : true);
  };
}

/** "model.embed_tokens, model.layers.0 to model.layers.29, model.norm" */
export function outline(names: readonly string[]): string {
  const blocks = new Map<string, number>();
  const parts: string[] = [];
  for (const name of names) {
    const block = BLOCK.exec(name);
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
