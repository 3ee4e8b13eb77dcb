/**
 * What a run is started with when nobody says otherwise: by method, size of the base and amount of data.
 * One rule for the recipe that Start Run… writes and for what a recipe leaves out.
 */
import type { Method } from "../protocol/recipe.ts";

/** A rate that learns on a base of this size; in between they go straight in log-log. */
interface Anchors {
  /** From 1e9 parameters on: what the method's own paper or library uses. */
  large: number;
  /** At 2.4 million: measured on retune-tiny, dictionary and topics (docs/benchmarks.md, Defaults). */
  tiny: number;
}

const LARGE_PARAMETERS = 1e9;
const TINY_PARAMETERS = 2.4e6;

const LEARNING_RATES: Readonly<Record<Method["type"], Anchors>> = {
  // LLaMA-Factory's and QLoRA's examples: 1e-4 to 2e-4.
  lora: { large: 2e-4, tiny: 2e-3 },
  // arXiv 2205.05638: 3e-3; PEFT's examples: 8e-3.
  ia3: { large: 5e-3, tiny: 2e-2 },
  // arXiv 2404.03592, instruction tuning of Llama 7B.
  loreft: { large: 9e-4, tiny: 3e-2 },
  direft: { large: 9e-4, tiny: 3e-2 },
  noreft: { large: 9e-4, tiny: 3e-2 },
  // PEFT's examples: 3e-2 for prompts, 1e-2 for prefixes.
  "prompt-tuning": { large: 1e-2, tiny: 2e-1 },
  "prefix-tuning": { large: 1e-2, tiny: 1e-1 },
  // A few blocks stand larger steps than the whole.
  freeze: { large: 2e-5, tiny: 7e-4 },
  // A linear layer on features: the base's size says nothing.
  head: { large: 1e-3, tiny: 1e-3 },
  // Alpaca and its kin: 2e-5.
  full: { large: 2e-5, tiny: 3e-4 },
};

/** A model drawn at random takes, and needs, far larger steps than one that has been trained. */
const FROM_SCRATCH_LEARNING_RATE = 1e-3;

/**
 * @param parameters of the base; left out where it is not known: the rate for large ones, which is the
 *   one that can't break a model
 */
export function defaultLearningRate(method: Method, parameters = LARGE_PARAMETERS): number {
  if (method.type === "full" && method.init === "random") return FROM_SCRATCH_LEARNING_RATE;
  const { large, tiny } = LEARNING_RATES[method.type];
  const clamped = Math.min(Math.max(parameters, TINY_PARAMETERS), LARGE_PARAMETERS);
  const share = Math.log(LARGE_PARAMETERS / clamped) / Math.log(LARGE_PARAMETERS / TINY_PARAMETERS);
  return Number((large * (tiny / large) ** share).toPrecision(2));
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
/** A head alone passes each row through the base once; its epochs cost nothing. */
const HEAD_EPOCHS = 20;

/** @param rows of the training data; left out where nobody has counted them */
export function defaultSchedule(method: Method, rows = USUAL_ROWS): DefaultSchedule {
  const batchSize = rows >= USUAL_ROWS / 2 ? 8 : 4;
  const epochs = method.type === "head" ? HEAD_EPOCHS : epochsFor(rows, batchSize);
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
