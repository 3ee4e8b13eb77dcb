/**
 * Is a model that was merged of others a model? No one right answer says so, as it does for adapters (compare-merge.ts):
 * its folder is opened anew, every value must be finite, and what it makes of a few texts is set beside what those
 * models make of them that it comes from.
 */
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { openBaseModel } from "../models/base-model.ts";
import { type NotFinite, startFiniteScan } from "../tensors/finite-scan.ts";
import { readModelWeights } from "../tensors/model-weights.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { compareLogits } from "./logit-difference.ts";
import { labelLogits, nextTokenLoss, tokenLogits } from "./sample-texts.ts";

/** Each is opened whole, one after the other. */
const MAX_PARENTS = 4;

export interface Parent {
  name: string;
  dir: string;
}

export interface MergedModel {
  outDir: string;
  /** What it was merged of, its base among them. */
  parents: readonly Parent[];
  /** The model is written: what is left of the check is not made. */
  signal?: AbortSignal | undefined;
}

export interface MergedModelCheck {
  tensors: number;
  /** The first value that is not finite; the model is not asked then. */
  bad: NotFinite | null;
  answers: Answers | undefined;
  /** Why the model, or one of its parents, could not be asked. */
  problem: string | undefined;
  /** Parents that were not asked: there are many. */
  unread: number;
}

export interface Answers {
  /** Tokens that follow another are judged by the loss, a classifier's texts by its logits. */
  unit: "token" | "text";
  count: number;
  /** Mean over the tokens, in nats. */
  loss: number | undefined;
  /** Its loss, or the mean of |logit − the parent's|. */
  parents: readonly { name: string; figure: number }[];
}

/** @throws InputError for a folder that is broken; a kind of model that can be merged but not run is none */
export async function checkMergedModel(merged: MergedModel): Promise<MergedModelCheck> {
  const weights = [...(await readModelWeights(merged.outDir)).values()];
  const scan = startFiniteScan(weights);
  const found = {
    tensors: weights.length,
    answers: undefined,
    problem: undefined,
    unread: Math.max(0, merged.parents.length - MAX_PARENTS),
  };
  try {
    const bad = await scan.find();
    if (bad) return { ...found, bad };
    return { ...found, bad, answers: await answersOf(merged) };
  } catch (error) {
    return { ...found, bad: null, problem: errorMessage(error) };
  } finally {
    await scan.stop();
  }
}

async function answersOf({ outDir, parents, signal }: MergedModel): Promise<Answers> {
  const tokenizer = await loadTokenizer(outDir);
  const asked = parents.slice(0, MAX_PARENTS);
  const checkStopped = (): void => {
    if (signal?.aborted) throw new InputError("stopped");
  };
  if ((await openBaseModel(outDir)).classifier) {
    const own = await labelLogits({ baseDir: outDir }, tokenizer);
    const apart = [];
    for (const { name, dir } of asked) {
      checkStopped();
      const theirs = await labelLogits({ baseDir: dir }, tokenizer);
      const { mean } = compareLogits(theirs.logits, own.logits, own.width);
      apart.push({ name, figure: mean });
    }
    const count = own.logits.length / own.width;
    return { unit: "text", count, loss: undefined, parents: apart };
  }
  const { loss, tokens } = await lossOf(outDir, tokenizer);
  const losses = [];
  for (const { name, dir } of asked) {
    checkStopped();
    // One whose tokenizer is elsewhere was merged as one of the same tokens.
    const own = await loadTokenizer(dir).catch(() => tokenizer);
    losses.push({ name, figure: (await lossOf(dir, own)).loss });
  }
  return { unit: "token", count: tokens, loss, parents: losses };
}

async function lossOf(baseDir: string, tokenizer: Tokenizer) {
  const found = nextTokenLoss(await tokenLogits({ baseDir }, tokenizer));
  if (Number.isFinite(found.loss)) return found;
  throw new InputError(`the loss of ${baseDir} is ${found.loss}`);
}
