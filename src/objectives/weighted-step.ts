import { type Example, countedTokens } from "../data/example.ts";
import type { TrainingEngine } from "./engine.ts";
import type { StepOptions, StepOutcome } from "./objective.ts";

/** The weighted losses of all micro-batches, divided by how many tokens or rows weigh anything. */
export async function weightedStep(
  engine: Pick<TrainingEngine, "accumulateGradients">,
  microBatches: readonly (readonly Example[])[],
  { seedOf, into }: StepOptions,
): Promise<StepOutcome> {
  const counted = microBatches.flat().reduce((sum, row) => sum + countedTokens(row), 0);
  let lossSum = 0;
  for (const [index, batch] of microBatches.entries()) {
    const options = { scale: 1 / counted, dropoutSeed: seedOf(index), into };
    lossSum += (await engine.accumulateGradients(batch, options)).lossSum;
  }
  return { loss: lossSum / counted, counted };
}
