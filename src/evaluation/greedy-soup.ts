/**
 * Greedy soups, algorithm 1 of arXiv 2203.05482: models by their results on held-out data, best first, each
 * kept if the average with it is no worse than the one without.
 */
import path from "node:path";
import type { MergeRequest } from "../merge/models/request.ts";
import { type MethodMerge, mergeByMethod, prepareMerge } from "../merge/models/merge-by-method.ts";
import { besideOutput, checkOutput } from "../merge/output-folder.ts";
import { InputError } from "../util/errors.ts";
import { evaluateFile } from "./evaluate-file.ts";

interface Result {
  loss: number;
  /** The accuracy of a classifier's labels. */
  accuracy: number | undefined;
}

/** @returns the request with the models that are in the soup. @throws InputError for data or models that can't be used */
export async function greedySoup(merge: MethodMerge): Promise<MergeRequest> {
  const { request, outDir, signal, log = () => {} } = merge;
  const { config, where } = request;
  const { evaluate_on: dataFile = "", models = [], ...rest } = config;
  if (config.merge_method !== "model-soup" || models.length === 0) {
    throw new InputError(
      `${where(["evaluate_on"])}: only model-soup over models is chosen by evaluation`,
    );
  }
  await checkOutput(
    outDir,
    models.map(({ model }) => model),
  );
  const requestFor = (chosen: typeof models): MergeRequest => ({
    ...request,
    config: { ...rest, models: chosen },
  });
  // Models that do not fit are refused before anything is computed.
  await prepareMerge(requestFor(models));
  const evaluated: { entry: (typeof models)[number]; result: Result }[] = [];
  for (const entry of models) {
    signal?.throwIfAborted();
    const result = await evaluate(entry.model, dataFile);
    log(`${path.basename(entry.model)}: ${textOf(result)}`);
    evaluated.push({ entry, result });
  }
  const [first, ...others] = evaluated.toSorted((a, b) => (isBetter(a.result, b.result) ? -1 : 1));
  if (!first) return request;
  let chosen = [first.entry];
  let best = first.result;
  for (const { entry } of others) {
    const tried = [...chosen, entry];
    const result = await evaluateSoup(requestFor(tried), { ...merge, dataFile });
    const isKept = !isBetter(best, result);
    log(`with ${path.basename(entry.model)}: ${textOf(result)}, ${isKept ? "kept" : "left out"}`);
    if (!isKept) continue;
    chosen = tried;
    best = result;
  }
  if (chosen.length === 1)
    log(`no average is as good as ${path.basename(first.entry.model)} alone`);
  return requestFor(chosen);
}

/** Merged beside the output, where there is room for it, and removed. */
async function evaluateSoup(
  request: MergeRequest,
  { outDir, signal, dataFile }: MethodMerge & { dataFile: string },
): Promise<Result> {
  return besideOutput(outDir, async (folder) => {
    const dir = path.join(folder, "model");
    await mergeByMethod({ request, outDir: dir, signal });
    return evaluate(dir, dataFile);
  });
}

async function evaluate(baseDir: string, dataFile: string): Promise<Result> {
  const options = { baseDir, dataFile, lossOn: "auto", device: "auto", log: () => {} } as const;
  const { figures, classifier } = await evaluateFile(options);
  return { loss: figures.loss, accuracy: classifier ? figures.accuracy : undefined };
}

/** Classifiers by accuracy, as in the paper; where it is equal, and language models, by loss. */
function isBetter(a: Result, b: Result): boolean {
  if (a.accuracy !== undefined && b.accuracy !== undefined && a.accuracy !== b.accuracy) {
    return a.accuracy > b.accuracy;
  }
  return a.loss < b.loss;
}

function textOf({ loss, accuracy }: Result): string {
  const share = accuracy === undefined ? "" : `, accuracy ${accuracy.toFixed(4)}`;
  return `loss ${loss.toFixed(4)}${share}`;
}
