import type { Fit } from "../objectives/objective.ts";
import { initAdamW, updateAdamW } from "./optimizer.ts";
import { learningRateAt } from "./schedule.ts";
import { planTraining } from "./training-plan.ts";

const ADAMW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 } as const;

/** `loss` is the mean over the last pass's rows. */
export const fit: Fit = (parameters, rows, options) => {
  const { epochs, batchSize, learningRate: peak, seed, addGradients } = options;
  const data = { packing: false, maxLength: 1 } as const;
  const plan = planTraining(rows, { batchSize, accumulate: 1, epochs, seed, data });
  const { totalSteps } = plan;
  const schedule = { type: "cosine", learningRate: peak, warmupSteps: 0, totalSteps } as const;
  const optimizer = initAdamW(parameters.length);
  const ranges = [{ start: 0, end: parameters.length, decays: false, rate: 1 }];
  const gradients = new Float32Array(parameters.length);
  const lastPass = { sum: 0, rows: 0 };
  for (let step = 0; step < totalSteps; step++) {
    const batch = plan.microBatches(step).flat();
    const loss = addGradients(batch, gradients.fill(0));
    if (plan.epochAt(step) >= epochs - 1) {
      lastPass.sum += loss;
      lastPass.rows += batch.length;
    }
    const learningRate = learningRateAt(step, schedule);
    updateAdamW({ parameters, gradients }, optimizer, ranges, { ...ADAMW, learningRate });
  }
  return { steps: totalSteps, loss: lastPass.sum / lastPass.rows };
};
