/** After a merge: what its check found, in a line. */
import { type MergeDifference, type Merged, compareMerge } from "../evaluation/compare-merge.ts";
import {
  type Answers,
  type MergedModel,
  type MergedModelCheck,
  checkMergedModel,
} from "../evaluation/check-merged-model.ts";
import { errorMessage } from "../util/errors.ts";

/** In nats: no merge of any use is so much worse than all that it comes from. */
const FAR_ABOVE = 1;

/** Adapters in their base; also where a model is of a kind that can be merged but not run. */
export async function checkMerge(merged: Merged): Promise<string> {
  try {
    return describe(await compareMerge(merged), merged.adapterDirs.length);
  } catch (error) {
    return `merged, but not checked on sample texts: ${errorMessage(error)}`;
  }
}

function describe(
  { largest, mean, same, divergence, unit, count }: MergeDifference,
  adapters: number,
): string {
  const what = unit === "token" ? `${count} tokens of sample texts` : `${count} sample texts`;
  return [
    `checked on ${what}: logits of the merged model differ from base + adapter${adapters > 1 ? "s" : ""}`,
    `by ${largest.toExponential(1)} at most, ${mean.toExponential(1)} on average;`,
    `the likeliest is the same for ${(100 * same).toFixed(1)} %;`,
    `KL divergence ${divergence.toExponential(1)} nats a ${unit}`,
  ].join(" ");
}

/** Models into one. */
export async function checkMergeOfModels(merged: MergedModel): Promise<string> {
  try {
    return describeModel(await checkMergedModel(merged));
  } catch (error) {
    return `merged, but the folder can't be opened: ${errorMessage(error)}`;
  }
}

export function describeModel(check: MergedModelCheck): string {
  const { tensors, bad, answers, problem, unread } = check;
  if (bad) {
    const what = bad.isNaN ? "NaN" : "infinity";
    return `merged, but tensor ${bad.name} holds ${what} (element ${bad.index}): the model can't be used; try other weights, or --dtype float32`;
  }
  const finite = `all values of its ${tensors} tensors are finite`;
  if (!answers) return `merged, but not checked on sample texts: ${problem}; ${finite}`;
  const more = unread > 0 ? ` (${unread} more were not asked)` : "";
  return `${describeAnswers(answers)}${more}; ${finite}`;
}

function describeAnswers({ unit, count, loss, parents }: Answers): string {
  if (loss === undefined || unit === "text") {
    const apart = parents.map(({ name, figure }) => `${figure.toFixed(3)} from ${name}'s`);
    return `checked on ${count} sample texts: logits differ on average by ${apart.join(", by ")}`;
  }
  const theirs = parents.map(({ name, figure }) => `${name} ${figure.toFixed(3)}`);
  const isFarAbove = parents.every(({ figure }) => loss > figure + FAR_ABOVE);
  const warning = isFarAbove
    ? "; that is far above all of them: try other weights, or another method"
    : "";
  return `checked on ${count} tokens of sample texts: loss ${loss.toFixed(3)} (${theirs.join(", ")})${warning}`;
}
