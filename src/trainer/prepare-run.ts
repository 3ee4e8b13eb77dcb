/** From a recipe to everything the training loop needs. All that can be refused is refused here. */
import path from "node:path";
import { readdir } from "node:fs/promises";
import { splitExamples } from "../data/batches.ts";
import { type Dataset, describeReport, loadDataset } from "../data/dataset.ts";
import type { Example } from "../data/example.ts";
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { openBaseModel, resolveBase } from "../models/base-model.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { InputError } from "../util/errors.ts";
import { hashFile } from "../util/hash-file.ts";
import { openDevice } from "./device-check.ts";
import { type SavingEngine, openTrainingEngine } from "./onnx-engine.ts";
import { type TrainingPlan, planTraining } from "./training-plan.ts";

export interface PreparedRun {
  engine: SavingEngine;
  plan: TrainingPlan;
  /** Empty when there is nothing to evaluate on. */
  evaluation: readonly Example[];
  hashes: Record<string, string>;
}

export interface Reporter {
  phase: (phase: string) => Promise<void>;
  log: (line: string) => void;
}

export async function prepareRun(
  recipe: ResolvedRecipe,
  { phase, log }: Reporter,
): Promise<PreparedRun> {
  await phase("reading the base model");
  const baseDir = await resolveBase(recipe.base, log);
  const hashes = await hashInputs(recipe, baseDir);
  checkHashes(recipe, hashes);
  await phase("tokenising data");
  const { train, evaluation } = await loadData(recipe, baseDir, log);
  const plan = planTraining(train, recipe);
  await phase("compiling the training step");
  const { method, quantization, memory, seed, threads } = recipe;
  const { maxLength } = recipe.data;
  const device = await openDevice(recipe.device, { purpose: "training", log });
  const options = { baseDir, method, quantization, memory, seed, maxLength, threads, device, log };
  const engine = await openTrainingEngine(options);
  const before = recipe.usedDevice?.name;
  if (before !== undefined && before !== engine.device.name) {
    log(`this run began on ${before} and goes on on ${engine.device.name}: the last digits differ`);
  }
  return { engine, plan, evaluation, hashes };
}

/** Files whose change would change what the run does. */
const MODEL_FILES =
  /\.safetensors$|^config\.json$|^tokenizer\.json$|^tokenizer_config\.json$|^chat_template\.jinja$/u;

async function hashInputs(
  { base, data, method }: ResolvedRecipe,
  baseDir: string,
): Promise<Record<string, string>> {
  const fromScratch = method.type === "full" && method.init === "random";
  const names = (await readdir(baseDir)).filter(
    (name) => MODEL_FILES.test(name) && !(fromScratch && name.endsWith(".safetensors")),
  );
  // A .gguf is its own truth; the copy in the cache is not.
  const ofBase = base === baseDir ? names.toSorted().map((name) => path.join(base, name)) : [base];
  const files = [...ofBase, data.train, ...(data.eval === undefined ? [] : [data.eval])];
  const hashes: Record<string, string> = {};
  for (const file of files) hashes[file] = await hashFile(file);
  return hashes;
}

/** A resumed run on other data or another base would be a different run under the same name. */
function checkHashes({ hashes: before }: ResolvedRecipe, now: Record<string, string>): void {
  for (const [file, hash] of Object.entries(before ?? {})) {
    if (now[file] === hash) continue;
    const what = now[file] === undefined ? "is gone" : "has changed";
    throw new InputError(
      `${file} ${what} since this run began, so it can't go on; restore the file, or start a new run`,
    );
  }
}

async function loadData(
  { data, objective, seed }: ResolvedRecipe,
  baseDir: string,
  log: (line: string) => void,
): Promise<{ train: readonly Example[]; evaluation: readonly Example[] }> {
  const tokenizer = await loadTokenizer(baseDir);
  const { architecture } = await openBaseModel(baseDir, { needWeights: false });
  checkTokenizer(tokenizer, architecture.vocabSize, baseDir);
  const load = async (file: string): Promise<Dataset> => {
    const { format, maxLength, overlong } = data;
    const { lossOn } = objective;
    const dataset = await loadDataset(file, { tokenizer, format, lossOn, maxLength, overlong });
    for (const line of describeReport(file, dataset.report)) log(line);
    return dataset;
  };
  const { examples } = await load(data.train);
  if (data.eval !== undefined) {
    return { train: examples, evaluation: (await load(data.eval)).examples };
  }
  if (data.evalSplit === undefined) return { train: examples, evaluation: [] };
  if (examples.length < 2) {
    throw new InputError(
      `${data.train}: one usable row can't be split by data.evalSplit; give data.eval, or leave evalSplit out`,
    );
  }
  const split = splitExamples(examples, { share: data.evalSplit, seed });
  log(`held out ${split.evaluation.length} of ${examples.length} rows for evaluation`);
  return split;
}

function checkTokenizer({ vocabSize }: Tokenizer, ofModel: number, baseDir: string): void {
  if (vocabSize <= ofModel) return;
  throw new InputError(
    `${path.join(baseDir, "tokenizer.json")} has ids up to ${vocabSize - 1}, but the model's vocab_size is ${ofModel}: they do not belong together`,
  );
}
