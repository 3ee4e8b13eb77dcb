/** What an adapter of PEFT's does to the base's tensors. */
import { SCORE } from "../../adapter-files/classifier-head.ts";
import {
  type LoraModule,
  type PeftAdapter,
  loraAdapterOf,
} from "../../adapter-files/peft/adapter.ts";
import type { PeftExtras } from "../../adapter-files/peft/extras.ts";
import { type PeftFolder, readPeftFolder } from "../../adapter-files/peft/folder.ts";
import { ia3Tensors, peftScore } from "../../adapter-files/peft/others.ts";
import { unmergeableType } from "../../adapter-files/peft/types.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

/** W becomes W + weight · (merged W − W): of LoRA that is weight · B·A, of (IA)³ a share of the way. */
export type Change = { adapterDir: string; weight: number } & (
  | { type: "lora"; factors: LoraModule; isEmbedding: boolean }
  /** rows: one scale for each row [out,1]; columns: one for each column [1,in]. isInverse: divides by them. */
  | { type: "scale"; scales: TensorInfo; axis: "rows" | "columns"; isInverse?: boolean }
  | { type: "replace"; values: TensorInfo }
  /** Rows of an embedding, or head, by token. */
  | { type: "rows"; values: TensorInfo; tokens: readonly number[] }
);

export interface NamedChange {
  /** The base's tensor. */
  name: string;
  change: Change;
  /** Left out without a word where the base has no such tensor. */
  isOptional?: boolean;
}

export interface MergeAdapter {
  dir: string;
  weight: number;
  /** As the card calls it: "LoRA", "DoRA", "(IA)³". */
  method: string;
  /** Only LoRA has one. */
  lora: PeftAdapter | undefined;
  changes: readonly NamedChange[];
  /** What changes depend on the base: fitted-merge.ts makes them. */
  extras: PeftExtras;
  /** Modules with a change, without those that are trained whole. */
  modules: number;
  folder: PeftFolder;
  /** A classifier's `score`, which is one of the changes too. */
  head: TensorInfo | undefined;
}

type Read = Omit<MergeAdapter, "folder" | "head">;

/** @throws InputError for an adapter that can't be put into weights, or can't be read */
export async function readMergeAdapter(dir: string, weight: number): Promise<MergeAdapter> {
  const folder = await readPeftFolder(dir);
  const read = changesOf(folder, weight);
  const head = peftScore(folder);
  if (!head) return { ...read, folder, head };
  const change: Change = { adapterDir: dir, weight, type: "replace", values: head };
  const others = read.changes.filter(({ name }) => name !== SCORE);
  return { ...read, changes: [...others, { name: SCORE, change }], folder, head };
}

function changesOf(folder: PeftFolder, weight: number): Read {
  const { peft_type: type } = folder.config;
  switch (type) {
    case "LORA":
      return loraChanges(folder, weight);
    case "IA3":
      return ia3Changes(folder, weight);
    default:
      throw unmergeableType(folder.file, type);
  }
}

function loraChanges(folder: PeftFolder, weight: number): Read {
  const lora = loraAdapterOf(folder);
  const { dir, config, modules, embedding, extras } = lora;
  const shared = { adapterDir: dir, weight };
  const named = (factors: LoraModule, isEmbedding: boolean): NamedChange => ({
    name: `${factors.path}.weight`,
    change: { ...shared, type: "lora", factors, isEmbedding },
  });
  const changes = [
    ...modules.map((factors) => named(factors, false)),
    ...(embedding ? [named(embedding, true)] : []),
  ];
  const variant = config.use_dora ? "DoRA" : "LoRA";
  const method = config.use_rslora ? `${variant}, rsLoRA` : variant;
  return { dir, weight, method, lora, changes, extras, modules: changes.length };
}

function ia3Changes(folder: PeftFolder, weight: number): Read {
  const { dir } = folder;
  const { scales: tensors, extras } = ia3Tensors(folder);
  const changes = [...tensors].flatMap(([path, scales]): NamedChange[] => {
    const isInput = scales.shape[0] === 1 && scales.shape[1] !== 1;
    const axis = isInput ? "columns" : "rows";
    const change: Change = { adapterDir: dir, weight, type: "scale", scales, axis };
    // The result is scaled with its bias; an input is scaled before it.
    const bias = { name: `${path}.bias`, change, isOptional: true };
    return [{ name: `${path}.weight`, change }, ...(isInput ? [] : [bias])];
  });
  const modules = changes.filter(({ isOptional }) => !isOptional).length;
  return { dir, weight, method: "(IA)³", lora: undefined, changes, extras, modules };
}
