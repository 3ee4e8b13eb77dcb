/** What an adapter of PEFT's does to the base's tensors. */
import type { LoraModule, PeftAdapter } from "../../adapter-files/peft/adapter.ts";
import type { PeftExtras } from "../../adapter-files/peft/extras.ts";
import type { PeftFolder } from "../../adapter-files/peft/folder.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";

/** W becomes W + weight · (merged W − W): of LoRA that is weight · B·A, of (IA)³ a share of the way. */
export type Change = { adapterDir: string; weight: number } & (
  | { type: "low-rank"; factors: LoraModule; isEmbedding: boolean }
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

/** What one value of `peft_type` does to weights: a file each in `kinds/`. */
export interface MergeKind {
  /** `peft_type`. */
  readonly name: string;
  /** @throws InputError for an adapter that can't be read */
  changes(folder: PeftFolder, weight: number): ReadChanges;
}

export type ReadChanges = Omit<MergeAdapter, "folder" | "head">;
