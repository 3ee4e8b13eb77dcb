import { evaluationBatches } from "../data/batches.ts";
import type { Examples } from "../data/example.ts";
import type { PassOptions, RowAnswer, TrainingEngine } from "./engine.ts";

export interface Evaluation {
  /** Mean per counted token, or labelled row: cross-entropy in nats, or squared error. */
  loss: number;
  /** Share of counted tokens whose arg-max prediction is right, or of rows labelled right. */
  accuracy: number;
  /**
   * Share of rows in which every counted token is the arg-max after the right ones before it. That is
   * what greedy decoding does, so it would generate these rows' references exactly.
   */
  exactMatch: number;
  /** Rows with a counted token, or label. */
  rows: number;
  /** Counted tokens, or labelled rows. */
  tokens: number;
  /** A row head's, one for each row. */
  answers: readonly RowAnswer[];
}

/** Enough that short rows fill the engine's runs, which it cuts itself to what memory allows. */
export const EVALUATION_ROWS = 64;

/** Loss over a whole set: every counted token weighs the same, whatever batch it falls in. */
export async function evaluateExamples(
  engine: Pick<TrainingEngine, "evaluate">,
  examples: Examples,
  { batchSize = EVALUATION_ROWS, ...pass }: PassOptions & { batchSize?: number } = {},
): Promise<Evaluation> {
  let [lossSum, correct, exact, tokens, rows] = [0, 0, 0, 0, 0];
  const answers: RowAnswer[] = [];
  for (const batch of evaluationBatches(examples, batchSize)) {
    const sums = await engine.evaluate(batch, pass);
    lossSum += sums.lossSum;
    correct += sums.correct;
    exact += sums.exact;
    rows += sums.rows;
    tokens += sums.counted;
    for (const answer of sums.answers ?? []) answers.push(answer);
  }
  return {
    loss: lossSum / tokens,
    accuracy: correct / tokens,
    exactMatch: exact / rows,
    rows,
    tokens,
    answers,
  };
}
