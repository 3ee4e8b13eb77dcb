/**
 * From a recipe to everything the training loop needs, stage after stage: base, rows, engine. Each takes what the
 * one before it made, and reads of the recipe what concerns it. All that can be refused is refused here.
 */
import { loadBase } from "../bases/load-base.ts";
import type { Example, Examples } from "../data/example.ts";
import type { BaseModel } from "../models/base-model.ts";
import { objectiveOf } from "../objectives/registry.ts";
import type { OnnxTrainingEngine } from "../onnx-engine/training-engine.ts";
import { refuseContradictions } from "../protocol/contradictions.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { startFiniteScan } from "../tensors/finite-scan.ts";
import type { TensorInfo } from "../tensors/safetensors.ts";
import { parameterRanges } from "../training/parameter-ranges.ts";
import type { TrainingRun } from "../training/training-loop.ts";
import type { Hashing } from "../util/hash-files.ts";
import { openBase } from "./open-base.ts";
import { openEngine } from "./open-engine.ts";
import { readRows } from "./read-rows.ts";
import { checkHashes, hashInputs } from "./run-inputs.ts";

/** What is trained, with what, on what. */
export interface PreparedTraining extends TrainingRun {
  engine: OnnxTrainingEngine;
}

export interface PreparedRun extends PreparedTraining {
  /** Hashes the files that the run depends on; a new run's is still under way when training begins. */
  hashing: Hashing;
}

export interface Reporter {
  phase: (phase: string) => Promise<void>;
  log: (line: string) => void;
}

export async function prepareRun(recipe: ResolvedRecipe, reporter: Reporter): Promise<PreparedRun> {
  refuseContradictions(recipe);
  await reporter.phase("reading the base model");
  const base = await loadBase(recipe.base, reporter.log);
  const hashing = await hashInputs(base, recipe);
  try {
    // A resumed run must be what it was; a new one need not wait to learn what it is.
    if (recipe.hashes) checkHashes(recipe.hashes, await hashing.hashes);
    return { ...(await prepareTraining(base.dir, recipe, reporter)), hashing };
  } catch (error) {
    await hashing.stop();
    throw error;
  }
}

export async function prepareTraining(
  baseDir: string,
  recipe: ResolvedRecipe,
  { phase, log }: Reporter,
): Promise<PreparedTraining> {
  const objective = objectiveOf(recipe);
  objective.readAhead?.(recipe.data, baseDir);
  const base = await openBase(baseDir, recipe, log);
  const scan = startFiniteScan(usedWeights(base));
  try {
    await phase("tokenising data");
    const { train, evaluation, plan, method } = await readRows(base, recipe, log);
    const learning = objective.begin(recipe.objective, recipe, base);
    await phase("compiling the training step");
    const engine = await openEngine({ base, method, sample: firstRows(train) }, recipe, log);
    const rows = learning.rows?.(plan, engine) ?? plan;
    const ranges = parameterRanges(engine.trainables, recipe);
    await scan.check();
    return { engine, learning, rows, ranges, train, evaluation };
  } finally {
    await scan.stop();
  }
}

/** The base's tensors that are computed with. */
function usedWeights({ architecture, weights }: BaseModel): TensorInfo[] {
  return architecture.tensors.flatMap(({ name }) => weights.get(name) ?? []);
}

const SAMPLE_ROWS = 32;

function firstRows(rows: Examples): Example[] {
  return Array.from({ length: SAMPLE_ROWS }, (_, row) => rows.at(row)).filter(
    (row) => row !== undefined,
  );
}
