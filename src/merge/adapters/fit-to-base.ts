/** The base as the adapters were trained on it, and all that they change there. */
import { InputError } from "../../util/errors.ts";
import { SCORE } from "../../adapter-files/classifier-head.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import { type VocabularyBase, fitBase, headOf } from "../../adapter-files/peft/vocabulary.ts";
import type { Change, MergeAdapter, NamedChange } from "./changes.ts";

export interface FittedMerge {
  /** With another vocabulary, or a head of its own, where an adapter calls for them. */
  base: VocabularyBase;
  /** As it is on disk, a head that repeats the embedding left out where one of them is changed. */
  original: VocabularyBase;
  /** With the changes that depend on the base: tensors that were trained whole, and single tokens. */
  adapters: readonly MergeAdapter[];
  untiesHead: boolean;
}

/** @throws InputError as fitBase, and for a share of a vocabulary that only the adapter has */
export async function fitAdapters(
  onDisk: VocabularyBase,
  adapters: readonly MergeAdapter[],
): Promise<FittedMerge> {
  let base = onDisk;
  let untiesHead = false;
  const fitted: MergeAdapter[] = [];
  for (const adapter of adapters) {
    const { dir: adapterDir, weight, extras, changes } = adapter;
    const names = changes.map(({ name }) => name).filter((name) => name !== SCORE);
    const found = await fitBase(base, extras, names);
    base = found.base;
    untiesHead ||= found.untiesHead;
    const added: NamedChange[] = [];
    for (const [name, values] of found.whole) {
      if (weight !== 1) checkShare(values, base.weights.get(name));
      added.push({ name, change: { adapterDir, weight, type: "replace", values } });
    }
    for (const [name, rows] of found.rows) {
      const change: Change = { adapterDir, weight, type: "rows", ...rows };
      added.push({ name, change });
    }
    fitted.push({ ...adapter, changes: [...changes, ...added] });
  }
  const head = headOf(onDisk);
  const isTied = onDisk.config["tie_word_embeddings"] === true;
  const isRepeated = isTied && (untiesHead || !base.weights.has(head));
  const weights = [...onDisk.weights].filter(([name]) => name !== head || !isRepeated);
  const original = { ...onDisk, weights: new Map(weights) };
  return { base, original, adapters: fitted, untiesHead };
}

function checkShare(values: TensorInfo, source: TensorInfo | undefined): void {
  const isOwn = source?.file === values.file && source.byteOffset === values.byteOffset;
  if (!isOwn) return;
  throw new InputError(
    `${values.file}: tensor ${values.name} is for another vocabulary than the base's, and the base's own rows of it are in no file, so a share of the change can't be made; leave the weight out`,
  );
}
