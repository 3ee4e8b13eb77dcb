/**
 * The head of a classifier's adapter: PEFT keeps it whole beside the factors. A base that labels the same
 * has a place for it; any other base becomes a …ForSequenceClassification folder, as Retune writes one
 * for a classifier that was trained whole.
 */
import { InputError } from "../../util/errors.ts";
import {
  type Classifier,
  SCORE,
  adapterClassifier,
  classifierConfig,
  classifierOf,
  sameLabels,
} from "../../adapter-files/classifier-head.ts";
import type { TensorInfo } from "../../tensors/safetensors.ts";
import type { MergeAdapter } from "./changes.ts";
import { headOf } from "../../adapter-files/peft/vocabulary.ts";
import type { MergeBase } from "./changed-tensors.ts";

export interface HeadedMerge {
  /** Without the tensors that give way to the new head. */
  base: MergeBase;
  /** Without the change that is the new head. */
  adapters: readonly MergeAdapter[];
  /** Written as it is, in its own type; undefined where the base's own head is changed, or there is none. */
  newHead: TensorInfo | undefined;
  /** What config.json must say; undefined where the base's own says it. */
  config: Record<string, unknown> | undefined;
}

/** @throws InputError for adapters whose heads label differently, or for two heads and no place for either */
export async function placeHead(
  base: MergeBase,
  adapters: readonly MergeAdapter[],
): Promise<HeadedMerge> {
  const own = classifierOf(base.config, `${base.dir}/config.json`);
  const labelled: { dir: string; classifier: Classifier; head: TensorInfo }[] = [];
  for (const { dir, folder, head } of adapters) {
    const classifier = await adapterClassifier(folder, own);
    if (classifier && head) labelled.push({ dir, classifier, head });
  }
  const [first, second] = labelled;
  const asClassifier = own || first ? withoutTie(base) : base;
  if (!first) return { base: asClassifier, adapters, newHead: undefined, config: undefined };
  const other = labelled.find(({ classifier }) => !sameLabels(first.classifier, classifier));
  if (other) {
    throw new InputError(
      `${first.dir} labels ${named(first.classifier)} and ${other.dir} ${named(other.classifier)}: one head can't label both; merge one at a time`,
    );
  }
  const config = classifierConfig(base.config, first.classifier);
  if (sameLabels(own, first.classifier)) {
    return { base: asClassifier, adapters, newHead: undefined, config };
  }
  if (second) {
    throw new InputError(
      `${first.dir} and ${second.dir} each bring a head, and ${base.dir} has none between which and theirs to go; merge one at a time`,
    );
  }
  const weights = new Map(asClassifier.weights);
  for (const name of [headOf(base), SCORE]) weights.delete(name);
  return {
    base: { ...asClassifier, weights },
    adapters: adapters.map((adapter) => ({
      ...adapter,
      changes: adapter.changes.filter(({ name }) => name !== SCORE),
    })),
    newHead: { ...first.head, name: SCORE },
    config,
  };
}

/** A classifier has no language head that could share the embedding. */
function withoutTie(base: MergeBase): MergeBase {
  return { ...base, config: { ...base.config, tie_word_embeddings: false } };
}

function named({ labels, problem }: Classifier): string {
  const shown = labels.slice(0, 3).join(", ");
  return problem === "regression"
    ? "with a number"
    : `${shown}${labels.length > 3 ? ` and ${labels.length - 3} more` : ""}`;
}
