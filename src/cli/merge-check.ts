/** After a merge: what the comparison with base and adapters found. */
import { type MergeDifference, type Merged, compareMerge } from "../evaluation/compare-merge.ts";
import { errorMessage } from "../util/errors.ts";

/** In a line; also where a model is of a kind that can be merged but not run. */
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
