import { evaluationBatches } from "../data/batches.ts";
import type { Example } from "../data/example.ts";
import type { TrainingEngine } from "./engine.ts";

export interface Evaluation {
  /** Mean cross-entropy per counted token, in nats. */
  loss: number;
  /** Share of counted tokens whose arg-max prediction is right. */
  accuracy: number;
  /** Counted tokens. */
  tokens: number;
}

/** Enough that short rows fill the engine's runs, which it cuts itself to what memory allows. */
export const EVALUATION_ROWS = 64;

/** Loss over a whole set: every counted token weighs the same, whatever batch it falls in. */
export async function evaluateExamples(
  engine: Pick<TrainingEngine, "evaluate">,
  examples: readonly Example[],
  batchSize = EVALUATION_ROWS,
): Promise<Evaluation> {
  let lossSum = 0;
  let correct = 0;
  let tokens = 0;
  for (const batch of evaluationBatches(examples, batchSize)) {
    const sums = await engine.evaluate(batch);
    lossSum += sums.lossSum;
    correct += sums.correct;
    tokens += sums.counted;
  }
  return { loss: lossSum / tokens, accuracy: correct / tokens, tokens };
}
