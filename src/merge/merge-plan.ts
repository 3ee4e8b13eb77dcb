/** Which base tensors the adapters change, and by what. Everything is checked before anything is written. */
import { InputError } from "../util/errors.ts";
import { isFloatDType } from "../weights/dtype.ts";
import type { LoraModule, PeftAdapter } from "../weights/peft-adapter.ts";
import { type TensorInfo, readTensor } from "../weights/safetensors.ts";

export interface MergedTensor {
  /** Where the base's values are read; of another name when the head is untied. */
  source: TensorInfo;
  factors: readonly LoraFactors[];
}

export interface LoraFactors extends LoraModule {
  adapterDir: string;
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

/** @throws InputError naming the adapter and the tensor that the base has no place for */
export function planMerge(base: MergeBase, adapters: readonly PeftAdapter[]): MergePlan {
  const merged = new Map<string, { source: TensorInfo; factors: LoraFactors[] }>();
  let untiesHead = false;
  for (const { dir, modules } of adapters) {
    for (const module of modules) {
      const name = `${module.path}.weight`;
      const source = base.weights.get(name) ?? tiedSource(base, name);
      if (!source) {
        throw new InputError(
          `${module.a.file}: tensor ${module.a.name} is for ${name}, which ${base.dir} does not have: the adapter was made for another base`,
        );
      }
      checkFit(module, source);
      if (name === HEAD && base.config["tie_word_embeddings"] !== false) {
        untiesHead ||= source.name !== HEAD || base.config["tie_word_embeddings"] === true;
      }
      const entry = merged.get(name) ?? { source, factors: [] };
      const dora = [...entry.factors, { ...module, adapterDir: dir }].find((one) => one.magnitude);
      if (dora && entry.factors.length > 0) {
        throw new InputError(
          `${dora.adapterDir}: DoRA sets the length of each row of ${name}, which adapters merged with it change too; merge it alone`,
        );
      }
      entry.factors.push({ ...module, adapterDir: dir });
      merged.set(name, entry);
    }
  }
  return { merged, untiesHead };
}

/** The embedding, where the head shares it: PEFT's LoRA on the head leaves the embedding alone. */
function tiedSource({ weights, config }: MergeBase, name: string): TensorInfo | undefined {
  if (name !== HEAD || config["tie_word_embeddings"] === false) return undefined;
  return [...weights.values()].find((info) => EMBEDDING.test(info.name));
}

function checkFit({ a, b }: LoraModule, base: TensorInfo): void {
  if (!isFloatDType(base.dtype) || base.dtype === "F64") {
    throw new InputError(
      `${base.file}: tensor ${base.name} is ${base.dtype}: merging needs a base that is not quantised, in F32, F16 or BF16`,
    );
  }
  const [out, input] = [b.shape[0], a.shape[1]];
  if (base.shape.length !== 2 || base.shape[0] !== out || base.shape[1] !== input) {
    throw new InputError(
      `${a.file}: the adapter changes ${base.name} as [${out}, ${input}], but in ${base.file} it is [${base.shape.join(", ")}]: the adapter was made for another base`,
    );
  }
}

/**
 * Reads every factor once. A run that diverged leaves NaN; one that never stepped leaves B at zero.
 * @returns the folders of adapters that change nothing
 * @throws InputError naming the tensor that holds NaN or infinity
 */
export async function checkFactors(adapters: readonly PeftAdapter[]): Promise<string[]> {
  const idle: string[] = [];
  for (const { dir, modules } of adapters) {
    let changes = false;
    for (const { a, b } of modules) {
      const hasA = await hasNonZero(a);
      const hasB = await hasNonZero(b);
      changes ||= hasA && hasB;
    }
    if (!changes) idle.push(dir);
  }
  return idle;
}

async function hasNonZero(info: TensorInfo): Promise<boolean> {
  let found = false;
  for (const value of await readTensor(info)) {
    if (!Number.isFinite(value)) {
      throw new InputError(
        `${info.file}: tensor ${info.name} holds ${value}: the training diverged, and a merge would spoil the model`,
      );
    }
    found ||= value !== 0;
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
