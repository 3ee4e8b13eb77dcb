/** From a recipe to everything the training loop needs. All that can be refused is refused here. */
import { startFiniteScan } from "../tensors/finite-scan.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";
import path from "node:path";
import { readdir } from "node:fs/promises";
import { splitExamples } from "../data/batches.ts";
import type { Examples } from "../data/example.ts";
import { loadTokenizer } from "../data/tokenizer.ts";
import { baseKindAt, resolveBase } from "../bases/references.ts";
import { type BaseModel, openBaseModel } from "../models/base-model.ts";
import { refuseContradictions } from "../protocol/contradictions.ts";
import { onnxOptions } from "../protocol/engines/onnx.ts";
import { isFromScratch } from "../protocol/methods.ts";
import { type ResolvedRecipe, layerChoice } from "../protocol/recipe.ts";
import { additionalTemplates } from "../util/chat-template-file.ts";
import { InputError } from "../util/errors.ts";
import { type Hashing, startHashing } from "../util/hash-files.ts";
import type { Learning } from "../objectives/objective.ts";
import { objectiveOf } from "../objectives/registry.ts";
import { openDevice } from "../onnx-engine/device-check.ts";
import { openTrainingEngine } from "../onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../onnx-engine/training-engine.ts";
import { parameterRanges } from "../training/parameter-ranges.ts";
import { TRAINING_METHODS } from "../methods/registry.ts";
import type { TrainingRun } from "../training/training-loop.ts";
import { type TrainingPlan, planTraining } from "../training/training-plan.ts";

export interface PreparedRun extends TrainingRun {
  engine: OnnxTrainingEngine;
  /** Hashes the files that the run depends on; a new run's is still under way when training begins. */
  hashing: Hashing;
}

export interface Reporter {
  phase: (phase: string) => Promise<void>;
  log: (line: string) => void;
}

export async function prepareRun(
  recipe: ResolvedRecipe,
  { phase, log }: Reporter,
): Promise<PreparedRun> {
  refuseContradictions(recipe);
  await phase("reading the base model");
  const baseDir = await resolveBase(recipe.base, log);
  const hashing = await hashInputs(recipe, baseDir);
  try {
    // A resumed run must be what it was; a new one need not wait to learn what it is.
    if (recipe.hashes) checkHashes(recipe.hashes, await hashing.hashes);
    return { ...(await prepareTraining(recipe, baseDir, { phase, log })), hashing };
  } catch (error) {
    await hashing.stop();
    throw error;
  }
}

/** The base as the recipe uses it, under the head that its objective trains. */
export async function headedBase(
  recipe: ResolvedRecipe,
  baseDir: string,
  log?: (line: string) => void,
): Promise<BaseModel> {
  const base = await openBaseModel(baseDir, {
    needWeights: !isFromScratch(recipe.method),
    ...(log ? { log } : {}),
  });
  return objectiveOf(recipe).headed(recipe.objective, base, recipe.data);
}

export async function prepareTraining(
  recipe: ResolvedRecipe,
  baseDir: string,
  { phase, log }: Reporter,
): Promise<Omit<PreparedRun, "hashing">> {
  objectiveOf(recipe).readAhead?.(recipe.data, baseDir);
  const base = await headedBase(recipe, baseDir, log);
  const scan = startFiniteScan(usedWeights(base));
  try {
    const prepared = await prepareEngine(recipe, { base, phase, log });
    await scan.check();
    return prepared;
  } finally {
    await scan.stop();
  }
}

/** The base's tensors that are computed with. */
function usedWeights({ architecture, weights }: BaseModel): TensorInfo[] {
  return architecture.tensors.flatMap(({ name }) => weights.get(name) ?? []);
}

async function prepareEngine(
  recipe: ResolvedRecipe,
  { base, phase, log }: Reporter & { base: BaseModel },
): Promise<Omit<PreparedRun, "hashing">> {
  await phase("tokenising data");
  const { train, evaluation, plan, method } = await readData(recipe, base, log);
  const learning: Learning = objectiveOf(recipe).begin(recipe.objective, recipe, base);
  await phase("compiling the training step");
  const { quantization, memory, threads, device: wished } = onnxOptions(recipe);
  const { seed } = recipe;
  const { maxLength } = recipe.data;
  const device = await openDevice(wished, { purpose: "training", log });
  const layers = layerChoice(recipe);
  const options = { method, layers, quantization, memory, seed, maxLength, threads, device, log };
  const engine = await openTrainingEngine({ ...options, baseDir: base.dir, base });
  const before = recipe.usedDevice?.name;
  if (before !== undefined && before !== engine.device.name) {
    log(`this run began on ${before} and goes on on ${engine.device.name}: the last digits differ`);
  }
  const rows = learning.rows?.(plan, engine) ?? plan;
  const ranges = parameterRanges(engine.trainables, recipe);
  return { engine, learning, rows, ranges, train, evaluation };
}

interface RunData {
  train: Examples;
  evaluation: Examples;
  plan: TrainingPlan;
  /** The recipe's, with what the data decide. */
  method: ResolvedRecipe["method"];
}

/**
 * All rows as the run takes them; what can be refused of them is refused here, before anything is compiled.
 * @throws InputError naming file and line
 */
export async function readData(
  recipe: ResolvedRecipe,
  base: BaseModel,
  log: (line: string) => void,
): Promise<RunData> {
  const { train, evaluation } = await loadData(recipe, base, log);
  const plan = planTraining(train, recipe);
  const method = methodForRows(recipe, train, log);
  return { train, evaluation, plan, method };
}

/** What the rows decide, decided. */
function methodForRows(
  { method, data }: ResolvedRecipe,
  train: Examples,
  log: (line: string) => void,
): ResolvedRecipe["method"] {
  const computed = TRAINING_METHODS.get(method.type);
  return (computed.forRows?.(method, train, { file: data.train, log }) ?? method) as typeof method;
}

/** Files whose change would change what the run does. */
const MODEL_FILES =
  /\.safetensors$|^(config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^chat_template\.jinja$/u;

async function inputFiles(recipe: ResolvedRecipe, baseDir: string): Promise<string[]> {
  const { base, data } = recipe;
  const names = (await readdir(baseDir)).filter(
    (name) =>
      MODEL_FILES.test(name) && !(isFromScratch(recipe.method) && name.endsWith(".safetensors")),
  );
  // What was named is the truth; a copy of it in the cache is not.
  const ofBase =
    base === baseDir
      ? [
          ...names.toSorted().map((name) => path.join(base, name)),
          ...(await additionalTemplates(base)),
        ]
      : [base];
  return [...ofBase, data.train, ...(data.eval === undefined ? [] : [data.eval])];
}

/** Hashes what the run depends on; a copy of the base is hashed too, and must be what was made. */
async function hashInputs(recipe: ResolvedRecipe, baseDir: string): Promise<Hashing> {
  const { copy } = baseKindAt(recipe.base);
  const copied = recipe.base === baseDir || !copy ? [] : await copy.files(baseDir);
  const hashing = startHashing([...(await inputFiles(recipe, baseDir)), ...copied]);
  const hashes = hashing.hashes.then(async (found) => {
    if (copied.length > 0) await copy?.check(baseDir, found);
    return Object.fromEntries(Object.entries(found).filter(([file]) => !copied.includes(file)));
  });
  hashes.catch(() => {});
  return { hashes, stop: () => hashing.stop() };
}

/** A resumed run on other data or another base would be a different run under the same name. */
function checkHashes(before: Record<string, string>, now: Record<string, string>): void {
  for (const [file, hash] of Object.entries(before)) {
    if (now[file] === hash) continue;
    const what = now[file] === undefined ? "is gone" : "has changed";
    throw new InputError(
      `${file} ${what} since this run began, so it can't go on; restore the file, or start a new run`,
    );
  }
}

async function loadData(
  recipe: ResolvedRecipe,
  base: BaseModel,
  log: (line: string) => void,
): Promise<{ train: Examples; evaluation: Examples }> {
  const { data, objective, seed } = recipe;
  const tokenizer = await loadTokenizer(base.dir);
  const load = (file: string): Promise<Examples> =>
    objectiveOf(recipe).loadRows(objective, file, { tokenizer, base, data, log });
  let examples: Examples;
  try {
    examples = await load(data.train);
    if (data.eval !== undefined) {
      return { train: examples, evaluation: await load(data.eval) };
    }
  } finally {
    // Its memory is needed for what comes next.
    await tokenizer.chatTemplate?.close();
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
