/** The first half of LP-FT (arXiv 2202.10054): the head alone, on features of the untouched base. */
import { evaluationBatches } from "../../data/batches.ts";
import type { Example, Examples } from "../../data/example.ts";
import { type Classifier, SCORE } from "../../adapter-files/classifier-head.ts";
import type { Classification } from "../../protocol/objectives/classification.ts";
import type { TrainingEngine } from "../engine.ts";
import { EVALUATION_ROWS } from "../evaluate-examples.ts";
import { addHeadGradient, headLogits } from "../linear-head.ts";
import type { Fit } from "../objective.ts";
import { rowLoss } from "./row-loss.ts";

/** Rows per update. */
const BATCH_SIZE = 16;

interface ProbeOptions {
  classifier: Classifier;
  probe: NonNullable<Classification["probe"]>;
  /** Decides the order of the rows. */
  seed: number;
  fit: Fit;
  /** Hears how it went, in a line. */
  log: (line: string) => void;
  /** Asked between passes of the body: a probe of many rows takes a while. */
  isStopped: () => Promise<boolean>;
}

/** Leaves the trained head in the engine's parameters; as it was when stopped on the way. */
export async function probeHead(
  engine: TrainingEngine,
  train: Examples,
  { classifier, probe, seed, fit, log, isStopped }: ProbeOptions,
): Promise<void> {
  const { trainables, parameters } = engine;
  const head = trainables.find(({ name }) => name === SCORE);
  if (!head) throw new Error("internal: no classification head to probe");
  const started = performance.now();
  const features = await featuresOf(engine, train, isStopped);
  if (!features) return;
  const weight = parameters.subarray(head.offset, head.offset + head.length);
  const { labels, problem } = classifier;
  const addGradients = (rows: readonly Example[], into: Float32Array): number => {
    let sum = 0;
    for (const example of rows) {
      const own = features.get(example);
      if (!own) throw new Error(`internal: no features of row ${example.line}`);
      const logits = headLogits(weight, own, labels.length);
      const { loss, gradient } = rowLoss(logits, example.label ?? 0, problem);
      addHeadGradient(into, gradient, own, 1 / rows.length);
      sum += loss;
    }
    return sum;
  };
  const { steps, loss } = fit(weight, train, {
    ...probe,
    batchSize: BATCH_SIZE,
    seed,
    addGradients,
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log(
    `probed the head: ${steps} updates on the features of ${train.length} rows in ${seconds} s, loss of the last pass ${loss.toFixed(4)}`,
  );
}

/** What the head reads of each row, [C]; undefined when it was stopped on the way. */
async function featuresOf(
  engine: TrainingEngine,
  rows: Examples,
  isStopped: () => Promise<boolean>,
): Promise<ReadonlyMap<Example, Float32Array> | undefined> {
  const features = new Map<Example, Float32Array>();
  for (const batch of evaluationBatches(rows, EVALUATION_ROWS)) {
    if (await isStopped()) return undefined;
    const { answers = [] } = await engine.evaluate(batch);
    for (const answer of answers) features.set(answer.example, answer.features);
  }
  return features;
}
