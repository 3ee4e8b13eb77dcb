/** An adapter's folder as changes to the base's tensors. */
import { SCORE } from "../../adapter-files/classifier-head.ts";
import { readPeftFolder } from "../../adapter-files/peft/folder.ts";
import { peftScore } from "../../adapter-files/peft/score.ts";
import { unmergeableType } from "../../adapter-files/peft/types.ts";
import { Registry } from "../../util/registry.ts";
import type { Change, MergeAdapter, MergeKind } from "./changes.ts";
import { IA3 } from "./kinds/ia3.ts";
import { LORA } from "./kinds/lora.ts";

/** Those whose changes are in weights: one line each. */
export const MERGE_KINDS = new Registry<MergeKind>("peft_type", [LORA, IA3]);

/** @throws InputError for an adapter that can't be put into weights, or can't be read */
export async function readMergeAdapter(dir: string, weight: number): Promise<MergeAdapter> {
  const folder = await readPeftFolder(dir);
  const { peft_type: type } = folder.config;
  const kind = MERGE_KINDS.find(type);
  if (!kind) throw unmergeableType(folder.file, type, MERGE_KINDS.all);
  const read = kind.changes(folder, weight);
  const head = peftScore(folder);
  if (!head) return { ...read, folder, head };
  const change: Change = { adapterDir: dir, weight, type: "replace", values: head };
  const others = read.changes.filter(({ name }) => name !== SCORE);
  return { ...read, changes: [...others, { name: SCORE, change }], folder, head };
}
