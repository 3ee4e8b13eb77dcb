/** Which base tensors the adapters change, and by what. Everything is checked before anything is written. */
import { InputError } from "../util/errors.ts";
import { isFloatDType } from "../weights/dtype.ts";
import type { PeftAdapter } from "../weights/peft-adapter.ts";
import { type TensorInfo, readTensor } from "../weights/safetensors.ts";
import type { Change, MergeAdapter, NamedChange } from "./adapter-changes.ts";

export interface MergedTensor {
  /** Where the base's values are read; of another name when the head is untied. */
  source: TensorInfo;
  /** In the order of the adapters; none for a head that is only written apart. */
  changes: readonly Change[];
}

export interface MergePlan {
  /** By the name of the tensor in the output. */
  merged: ReadonlyMap<string, MergedTensor>;
  /** The output has a head of its own where the base shares the embedding's. */
  untiesHead: boolean;
}

export interface MergeBase {
  dir: string;
  weights: ReadonlyMap<string, TensorInfo>;
  config: Readonly<Record<string, unknown>>;
}

export const HEAD = "lm_head.weight";
const EMBEDDING = /(^|\.)(embed_tokens|wte|embed_in|word_embeddings|tok_embeddings)\.weight$/;
const MAX_LISTED = 5;

/** @throws InputError naming every tensor of an adapter that the base has no place for */
export function planMerge(base: MergeBase, adapters: readonly MergeAdapter[]): MergePlan {
  const merged = new Map<string, { source: TensorInfo; changes: Change[] }>();
  const problems: string[] = [];
  let untiesHead = false;
  for (const { changes } of adapters) {
    for (const named of changes) {
      const { name, change } = named;
      const source = base.weights.get(name) ?? tiedSource(base, name);
      const before = merged.get(name)?.changes ?? [];
      const problem = problemOf(named, { base, source, before });
      if (problem !== undefined) problems.push(problem);
      if (problem !== undefined || !source) continue;
      untiesHead ||= unties(base, name, source);
      merged.set(name, { source, changes: [...before, change] });
    }
  }
  if (problems.length > 0) {
    const more = problems.length - MAX_LISTED;
    const shown = problems.slice(0, MAX_LISTED).join("; ");
    throw new InputError(`${shown}${more > 0 ? `; and ${more} more` : ""}`);
  }
  if (untiesHead && !merged.has(HEAD)) {
    const source = tiedSource(base, HEAD);
    if (source) merged.set(HEAD, { source, changes: [] });
  }
  return { merged, untiesHead };
}

/** Whether the change is to one of the two that the base holds as one tensor. */
function unties({ config }: MergeBase, name: string, source: TensorInfo): boolean {
  const tied = config["tie_word_embeddings"];
  if (name === HEAD) return tied !== false && (source.name !== HEAD || tied === true);
  return tied === true && EMBEDDING.test(name);
}

/** The embedding, where the head shares it: PEFT's LoRA on the head leaves the embedding alone. */
function tiedSource({ weights, config }: MergeBase, name: string): TensorInfo | undefined {
  if (name !== HEAD || config["tie_word_embeddings"] === false) return undefined;
  return [...weights.values()].find((info) => EMBEDDING.test(info.name));
}

function problemOf(
  { name, change, isOptional = false }: NamedChange,
  {
    base,
    source,
    before,
  }: { base: MergeBase; source: TensorInfo | undefined; before: readonly Change[] },
): string | undefined {
  const info = tensorOf(change);
  if (!source) {
    if (isOptional) return undefined;
    return `${info.file}: tensor ${info.name} is for ${name}, which ${base.dir} does not have: the adapter was made for another base`;
  }
  if (!isFloatDType(source.dtype) || source.dtype === "F64") {
    return `${source.file}: tensor ${source.name} is ${source.dtype}: merging needs a base that is not quantised, in F32, F16 or BF16`;
  }
  const expected = shapeFor(change, source.shape);
  const [rows, ownRows] = [expected[0], source.shape[0]];
  if (rows !== ownRows && (name === HEAD || EMBEDDING.test(name))) {
    return `${info.file}: the adapter's ${source.name} is for a vocabulary of ${rows}, but in ${source.file} it is of ${ownRows}: tokens were added, or the adapter was made for another base`;
  }
  if (expected.join() !== source.shape.join()) {
    return `${info.file}: the adapter changes ${source.name} as [${expected.join(", ")}], but in ${source.file} it is [${source.shape.join(", ")}]: the adapter was made for another base`;
  }
  const dora = [...before, change].find((one) => one.type === "lora" && one.factors.magnitude);
  if (dora && before.length > 0) {
    return `${dora.adapterDir}: DoRA sets the length of each row of ${name}, which adapters merged with it change too; merge it alone`;
  }
  return undefined;
}

function tensorOf(change: Change): TensorInfo {
  switch (change.type) {
    case "lora":
      return change.factors.a;
    case "scale":
      return change.scales;
    case "replace":
      return change.values;
  }
}

/** The shape that the base's tensor must have; axes that the change leaves open are the base's own. */
function shapeFor(change: Change, base: readonly number[]): readonly number[] {
  switch (change.type) {
    case "lora": {
      const { a, b } = change.factors;
      const [rows, columns] = [b.shape[0] ?? 0, a.shape[1] ?? 0];
      return change.isEmbedding ? [columns, rows] : [rows, columns];
    }
    case "scale": {
      const [rows = 0, columns = 0] = change.scales.shape;
      if (base.length === 1) return [rows];
      return change.axis === "rows" ? [rows, base[1] ?? 0] : [base[0] ?? 0, columns];
    }
    case "replace":
      return change.values.shape;
  }
}

/**
 * Reads every tensor of the adapters once. A run that diverged leaves NaN; one that never stepped
 * leaves B at zero.
 * @returns the folders of adapters that change nothing
 * @throws InputError naming the tensor that holds NaN or infinity
 */
export async function checkChanges(adapters: readonly MergeAdapter[]): Promise<string[]> {
  const idle: string[] = [];
  for (const { dir, changes } of adapters) {
    let isChange = false;
    for (const { change } of changes) isChange = (await doesChange(change)) || isChange;
    if (!isChange) idle.push(dir);
  }
  return idle;
}

async function doesChange(change: Change): Promise<boolean> {
  switch (change.type) {
    case "lora": {
      const hasA = await hasOther(change.factors.a, 0);
      return (await hasOther(change.factors.b, 0)) && hasA;
    }
    case "scale":
      return hasOther(change.scales, 1);
    case "replace":
      await hasOther(change.values, 0);
      return true;
  }
}

async function hasOther(info: TensorInfo, neutral: number): Promise<boolean> {
  let found = false;
  for (const value of await readTensor(info)) {
    if (!Number.isFinite(value)) {
      throw new InputError(
        `${info.file}: tensor ${info.name} holds ${value}: the training diverged, and a merge would spoil the model`,
      );
    }
    found ||= value !== neutral;
  }
  return found;
}

/**
 * Whole tensors that PEFT saved beside the factors are of no use, as long as they are
 * the base's own. A resized vocabulary is not.
 * @throws InputError naming the tensor that differs
 */
export async function checkBaseCopies(
  { weights, dir, config }: MergeBase,
  { baseCopies }: PeftAdapter,
): Promise<void> {
  for (const [name, copy] of baseCopies) {
    const own = weights.get(name) ?? tiedSource({ weights, dir, config }, name);
    const [rows, ownRows] = [copy.shape[0], own?.shape[0]];
    if (own && rows !== ownRows) {
      throw new InputError(
        `${copy.file}: tensor ${copy.name} is for a vocabulary of ${rows}, but ${name} in ${dir} is of ${ownRows}: tokens were added before training; merge this adapter with PEFT, into a base resized alike`,
      );
    }
    if (!own || own.shape.join() !== copy.shape.join() || !(await isSame(own, copy))) {
      throw new InputError(
        `${copy.file}: tensor ${copy.name} is a whole tensor that differs from ${name} in ${dir}; Retune takes LoRA factors only: merge this adapter with PEFT`,
      );
    }
  }
}

async function isSame(one: TensorInfo, other: TensorInfo): Promise<boolean> {
  if (!isFloatDType(one.dtype) || !isFloatDType(other.dtype)) return false;
  const [a, b] = [await readTensor(one), await readTensor(other)];
  return a.every((value, i) => value === b[i]);
}
