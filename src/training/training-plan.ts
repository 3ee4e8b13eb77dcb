/** Which rows each optimizer step sees: a pure function of recipe and data, so that a run resumes anywhere. */
import { type BatchOptions, countBatches, epochBatches } from "../data/batches.ts";
import type { Example, Examples } from "../data/example.ts";
import type { RowSource } from "../objectives/objective.ts";
import type { Recipe } from "../protocol/recipe.ts";

/** Rows of a file in seeded order. */
export interface TrainingPlan extends RowSource {
  microBatches(step: number): readonly (readonly Example[])[];
}

/** A recipe has them all. */
export interface PlanOptions extends Pick<Recipe, "batchSize" | "accumulate" | "epochs" | "seed"> {
  maxSteps?: number | undefined;
  data: Pick<Recipe["data"], "packing" | "maxLength">;
}

/** The last step of an epoch takes what is left, as transformers' Trainer does. */
export function planTraining(examples: Examples, options: PlanOptions): TrainingPlan {
  const { batchSize, accumulate, epochs, maxSteps = Infinity, seed, data } = options;
  const { packing, maxLength } = data;
  const batching: BatchOptions = { packing, batchSize, maxLength, seed };
  const starts = epochStarts({ epochs, maxSteps }, (epoch) =>
    Math.ceil(countBatches(examples, { ...batching, epoch }) / accumulate),
  );
  let cached: { epoch: number; batches: readonly (readonly number[])[] } | undefined;
  return {
    totalSteps: Math.min(stepsIn(epochs, starts), maxSteps),
    epochAt: (step) => {
      const { epoch, start } = epochOf(step, starts);
      const next = starts[epoch + 1];
      return next === undefined ? epoch : epoch + (step - start) / (next - start);
    },
    microBatches: (step) => {
      const { epoch, start } = epochOf(step, starts);
      if (cached?.epoch !== epoch) {
        cached = { epoch, batches: epochBatches(examples, { ...batching, epoch }) };
      }
      const first = (step - start) * accumulate;
      return cached.batches
        .slice(first, first + accumulate)
        .map((rows) => rows.flatMap((row) => examples.at(row) ?? []));
    },
  };
}

/** The first step of every epoch that is begun, and of the one after it: packed epochs differ in length. */
function epochStarts(
  { epochs, maxSteps }: { epochs: number; maxSteps: number },
  stepsOf: (epoch: number) => number,
): readonly number[] {
  const starts = [0];
  let end = 0;
  for (let epoch = 0; epoch < epochs && end < maxSteps; epoch++) {
    end += stepsOf(epoch);
    starts.push(end);
  }
  return starts;
}

/** 2.1 − 2 is a little more than 0.1, and must not cost a step. */
const ROUNDING = 1e-9;

/** @returns Infinity when `starts` ends before, at the greatest number of steps */
function stepsIn(epochs: number, starts: readonly number[]): number {
  const whole = Math.floor(epochs);
  const start = starts[whole];
  if (start === undefined) return Infinity;
  const steps = (starts[whole + 1] ?? start) - start;
  return start + Math.ceil((epochs - whole) * steps - ROUNDING);
}

function epochOf(step: number, starts: readonly number[]): { epoch: number; start: number } {
  const epoch = starts.findLastIndex((start) => start <= step);
  return { epoch, start: starts[epoch] ?? 0 };
}
