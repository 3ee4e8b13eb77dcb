/**
 * What a run is started with when nobody says otherwise: by method, size of the base and amount of data.
 * One rule for the recipe that Start Run… writes and for what a recipe leaves out.
 */
import type { AnyMethod } from "../protocol/method.ts";
import { methodFacts, methodOfBase } from "../protocol/methods.ts";

const LARGE_PARAMETERS = 1e9;
const TINY_PARAMETERS = 2.4e6;

/**
 * @param parameters of the base; left out where it is not known: the rate for large ones, which is the
 *   one that can't break a model
 */
export function defaultLearningRate(method: AnyMethod, parameters = LARGE_PARAMETERS): number {
  const { large, tiny } = methodFacts(method).learningRate(method);
  const clamped = Math.min(Math.max(parameters, TINY_PARAMETERS), LARGE_PARAMETERS);
  const share = Math.log(LARGE_PARAMETERS / clamped) / Math.log(LARGE_PARAMETERS / TINY_PARAMETERS);
  return Number((large * (tiny / large) ** share).toPrecision(2));
}

/** The rate of a new head that is trained beside something slower: as where it is trained alone. */
export function defaultHeadRate(): number {
  return defaultLearningRate({ type: methodOfBase("head").name });
}

export interface DefaultSchedule {
  /** Rows for each step. */
  batchSize: number;
  epochs: number;
  /** In steps. */
  evalEvery: number;
  saveEvery: number;
}

/** Enough for a method to settle on the samples; on few rows more would only learn them by heart. */
const WANTED_STEPS = 300;
const MAX_EPOCHS = 20;
/** What fine-tuning runs on data of the usual size take (LLaMA-Factory's examples, Alpaca). */
const USUAL_EPOCHS = 3;
const USUAL_ROWS = 1_000;
/** From here on a row need not be seen three times, from there on not twice. */
const [MANY_ROWS, VERY_MANY_ROWS] = [20_000, 100_000];
const EVALUATIONS = 12;

/** @param rows of the training data; left out where nobody has counted them */
export function defaultSchedule(method: AnyMethod, rows = USUAL_ROWS): DefaultSchedule {
  const batchSize = rows >= USUAL_ROWS / 2 ? 8 : 4;
  const epochs = methodFacts(method).epochs ?? epochsFor(rows, batchSize);
  const steps = Math.max(1, Math.ceil((epochs * rows) / batchSize));
  const evalEvery = Math.min(Math.max(Math.round(steps / EVALUATIONS / 5) * 5, 5), 500);
  return { batchSize, epochs, evalEvery, saveEvery: Math.min(2 * evalEvery, 500) };
}

function epochsFor(rows: number, batchSize: number): number {
  if (rows >= VERY_MANY_ROWS) return 1;
  if (rows >= MANY_ROWS) return 2;
  const wanted = Math.round((WANTED_STEPS * batchSize) / Math.max(rows, 1));
  return Math.min(Math.max(wanted, USUAL_EPOCHS), MAX_EPOCHS);
}
