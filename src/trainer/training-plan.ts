/** Which rows each optimizer step sees: a pure function of recipe and data, so that a run resumes anywhere. */
import { epochBatches } from "../data/batches.ts";
import type { Example } from "../data/example.ts";

export interface TrainingPlan {
  totalSteps: number;
  stepsPerEpoch: number;
  /** @param step 0-based */
  microBatches(step: number): readonly (readonly Example[])[];
}

export interface PlanOptions {
  batchSize: number;
  accumulate: number;
  /** May be fractional. */
  epochs: number;
  maxSteps?: number | undefined;
  seed: number;
}

/** The last step of an epoch takes what is left, as transformers' Trainer does. */
export function planTraining(examples: readonly Example[], options: PlanOptions): TrainingPlan {
  const { batchSize, accumulate, epochs, maxSteps = Infinity, seed } = options;
  const batchesPerEpoch = Math.ceil(examples.length / batchSize);
  const stepsPerEpoch = Math.ceil(batchesPerEpoch / accumulate);
  let cached: { epoch: number; batches: readonly (readonly number[])[] } | undefined;
  return {
    stepsPerEpoch,
    totalSteps: Math.min(Math.ceil(epochs * stepsPerEpoch), maxSteps),
    microBatches: (step) => {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (cached?.epoch !== epoch) {
        cached = { epoch, batches: epochBatches(examples, { batchSize, seed, epoch }) };
      }
      const first = (step % stepsPerEpoch) * accumulate;
      return cached.batches
        .slice(first, first + accumulate)
        .map((rows) => rows.flatMap((row) => examples[row] ?? []));
    },
  };
}
