/** What a recipe will take, told before it starts: parameters, memory by part, and a measured step. */
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { resolveBase } from "../bases/load-base.ts";
import { type BaseModel } from "../models/base-model.ts";
import { type PlannedTraining, planEngine } from "../onnx-engine/onnx-engine.ts";
import { methodWithoutRows } from "../methods/registry.ts";
import { openBase } from "./open-base.ts";
import { engineOptions } from "./open-engine.ts";
import { prepareTraining } from "./prepare-run.ts";
import { readRows } from "./read-rows.ts";
import { fits } from "../onnx-engine/budget-text.ts";
import { initAdamW, updateAdamW } from "../training/optimizer.ts";
import type { MemoryParts } from "../onnx-engine/step-form.ts";

export interface Budget {
  trainableParameters: number;
  totalParameters: number;
  memoryMode: string;
  /** Peak resident memory of the training process, by what it is for. */
  bytes: MemoryParts;
  predictedBytes: number;
  /** What the process may still take on this machine. */
  availableBytes: number;
  /** Within the share of the free memory that a run may be predicted to take. */
  fits: boolean;
}

export interface Calibration {
  /** The second of two optimizer steps took so long; the first warms up. */
  stepSeconds: number;
  /** Optimizer steps of the whole run. */
  steps: number;
  totalSeconds: number;
  /** Peak resident memory of this process, which has done what training does. */
  measuredBytes: number;
}

type Log = (line: string) => void;

/** From the files' headers and the step's graph alone. */
export async function budgetOf(recipe: ResolvedRecipe, log: Log): Promise<Budget> {
  const base = await baseOf(recipe, log);
  const method = methodWithoutRows(recipe.method);
  const options = engineOptions({ base, method }, recipe);
  return asBudget(await planEngine({ ...options, log }));
}

async function baseOf(recipe: ResolvedRecipe, log: Log): Promise<BaseModel> {
  return openBase(await resolveBase(recipe.base, log), recipe);
}

export interface DataCheck {
  /** That train. */
  rows: number;
  /** That are evaluated, held out or of a file of their own. */
  evaluationRows: number;
  steps: number;
}

/**
 * Reads, renders and tokenises all rows as the run will: what it would refuse is refused now, and large files'
 * tokens stay in the cache for it.
 * @throws InputError naming file and line of a row that can't be used
 */
export async function checkRunData(recipe: ResolvedRecipe, log: Log): Promise<DataCheck> {
  const { train, evaluation, plan } = await readRows(await baseOf(recipe, log), recipe, log);
  return { rows: train.length, evaluationRows: evaluation.length, steps: plan.totalSteps };
}

function asBudget({ memory, trainableParameters, totalParameters }: PlannedTraining): Budget {
  if (!memory) throw new Error("internal: planned without a memory mode");
  const { mode, predictedBytes, bytes, availableBytes } = memory;
  return {
    trainableParameters,
    totalParameters,
    memoryMode: mode,
    bytes,
    predictedBytes,
    availableBytes,
    fits: fits(memory),
  };
}

/** Two steps of the run's own rows at a learning rate of 0. Nothing is written. */
export async function calibrate(recipe: ResolvedRecipe, log: Log): Promise<Calibration> {
  const baseDir = await resolveBase(recipe.base, log);
  const phase = async (): Promise<void> => {};
  const { engine, learning, rows, ranges } = await prepareTraining(baseDir, recipe, { phase, log });
  try {
    const into = new Float32Array(engine.parameters.length);
    const optimizer = initAdamW(engine.parameters.length);
    const { betas, epsilon } = recipe.optimizer;
    const still = { learningRate: 0, weightDecay: 0, betas, epsilon };
    let stepSeconds = 0;
    for (const step of [0, Math.min(1, rows.totalSteps - 1)]) {
      const batches = await rows.microBatches(step);
      const started = performance.now();
      await learning.step(engine, batches, { seedOf: () => step, into });
      const { parameters } = engine;
      updateAdamW({ parameters, gradients: into }, optimizer, ranges, still);
      stepSeconds = (performance.now() - started) / 1000;
    }
    return {
      stepSeconds,
      steps: rows.totalSteps,
      totalSeconds: stepSeconds * rows.totalSteps,
      measuredBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    await engine.dispose();
  }
}
