/** Which base tensors the adapters change, and by what. Everything is checked before anything is written. */
import { InputError } from "../../util/errors.ts";
import { type DType, isFloatDType } from "../../tensors/dtype.ts";
import { type TensorInfo, readTensor } from "../../tensors/safetensors.ts";
import { familyOf } from "../../families/registry.ts";
import { type VocabularyBase, checkTokens, sourceOf } from "../../adapter-files/peft/vocabulary.ts";
import type { Change, MergeAdapter, NamedChange } from "./changes.ts";
import type { FittedMerge } from "./fit-to-base.ts";

export interface MergedTensor {
  /** Where the base's values are read; of another name when the head is untied. */
  source: TensorInfo;
  /** What the result is rounded to: the base's own type. */
  dtype: DType;
  /** In the order of the adapters; none for what is only written apart, or is of another vocabulary. */
  changes: readonly Change[];
}

export interface MergePlan {
  /** By the name of the tensor in the output. */
  merged: ReadonlyMap<string, MergedTensor>;
  /** The output has a head of its own where the base shares the embedding's. */
  untiesHead: boolean;
  /** Tokens, where they are others than the base's. */
  vocabSize: number | undefined;
}

export type MergeBase = VocabularyBase;

const MAX_LISTED = 5;

/** @throws InputError naming every tensor of an adapter that the base has no place for */
export function planMerge(fitted: FittedMerge): MergePlan {
  const { base, adapters, untiesHead } = fitted;
  const { merged, vocabSize } = withoutChanges(fitted);
  const problems: string[] = [];
  for (const named of adapters.flatMap(({ changes }) => changes)) {
    const { name, change } = named;
    const known = merged.get(name);
    const source = known?.source ?? base.weights.get(name);
    const before = known?.changes ?? [];
    const problem = problemOf(named, { base, source, before });
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined || !source) continue;
    const dtype = known?.dtype ?? source.dtype;
    merged.set(name, { source, dtype, changes: [...before, change] });
  }
  if (problems.length > 0) {
    const more = problems.length - MAX_LISTED;
    const shown = problems.slice(0, MAX_LISTED).join("; ");
    throw new InputError(`${shown}${more > 0 ? `; and ${more} more` : ""}`);
  }
  return { merged, untiesHead, vocabSize };
}

/** What is written another way than the base has it, before any change: a head apart, a larger vocabulary. */
function withoutChanges({ base, original }: FittedMerge): {
  merged: Map<string, MergedTensor>;
  vocabSize: number | undefined;
} {
  const merged = new Map<string, MergedTensor>();
  let vocabSize: number | undefined;
  for (const [name, source] of base.weights) {
    if (original.weights.get(name) === source) continue;
    const own = sourceOf(original, name);
    merged.set(name, { source, dtype: own?.dtype ?? source.dtype, changes: [] });
    if (own?.shape[0] !== source.shape[0]) vocabSize = source.shape[0];
  }
  return { merged, vocabSize };
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
  if (rows !== ownRows && familyOf(base.config).isVocabularyTable(name)) {
    return `${info.file}: the adapter's ${source.name} is for a vocabulary of ${rows}, but in ${source.file} it is of ${ownRows}: tokens were added, or the adapter was made for another base`;
  }
  if (expected.join() !== source.shape.join()) {
    return `${info.file}: the adapter changes ${source.name} as [${expected.join(", ")}], but in ${source.file} it is [${source.shape.join(", ")}]: the adapter was made for another base`;
  }
  if (change.type === "rows") checkTokens(change, source, `${name} of ${base.dir}`);
  const dora = [...before, change].find((one) => one.type === "low-rank" && one.factors.magnitude);
  if (dora && before.length > 0) {
    return `${dora.adapterDir}: DoRA sets the length of each row of ${name}, which adapters merged with it change too; merge it alone`;
  }
  return undefined;
}

function tensorOf(change: Change): TensorInfo {
  switch (change.type) {
    case "low-rank":
      return change.factors.a;
    case "scale":
      return change.scales;
    case "replace":
    case "rows":
      return change.values;
  }
}

/** The shape that the base's tensor must have; axes that the change leaves open are the base's own. */
function shapeFor(change: Change, base: readonly number[]): readonly number[] {
  switch (change.type) {
    case "low-rank": {
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
    case "rows":
      return base;
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
    case "low-rank": {
      const hasA = await hasOther(change.factors.a, 0);
      return (await hasOther(change.factors.b, 0)) && hasA;
    }
    case "scale":
      return hasOther(change.scales, 1);
    case "replace":
    case "rows":
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
