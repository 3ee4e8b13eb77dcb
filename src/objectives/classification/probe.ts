/** The first half of LP-FT (arXiv 2202.10054): the head alone, on features of the untouched base. */
import { evaluationBatches } from "../../data/batches.ts";
import type { Example, Examples } from "../../data/example.ts";
import { type Classifier, SCORE } from "../../adapter-files/classifier-head.ts";
import type { Classification } from "../../protocol/objectives/classification.ts";
import { planTraining } from "../../training/training-plan.ts";
import { EVALUATION_ROWS } from "../../training/evaluate.ts";
import type { TrainingEngine } from "../engine.ts";
import { initAdamW, updateAdamW } from "../../training/optimizer.ts";
import { learningRateAt } from "../../training/schedule.ts";
import { addHeadGradient, headLogits } from "../linear-head.ts";
import { rowLoss } from "./row-loss.ts";

/** Rows per update. */
const BATCH_SIZE = 16;
const ADAMW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 } as const;

/**
 * Leaves the trained head in the engine's parameters; as it was when stopped on the way.
 * @param log hears how it went, in a line
 * @param isStopped asked between passes of the body: a probe of many rows takes a while
 */
export async function probeHead(
  engine: TrainingEngine,
  train: Examples,
  {
    log,
    isStopped,
    ...fit
  }: ProbeOptions & { log: (line: string) => void; isStopped: () => Promise<boolean> },
): Promise<void> {
  const { trainables, parameters } = engine;
  const head = trainables.find(({ name }) => name === SCORE);
  if (!head) throw new Error("internal: no classification head to probe");
  const started = performance.now();
  const features = await featuresOf(engine, train, isStopped);
  if (!features) return;
  const weight = parameters.subarray(head.offset, head.offset + head.length);
  const { steps, loss } = fitHead(weight, { train, features, ...fit });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  log(
    `probed the head: ${steps} updates on the features of ${train.length} rows in ${seconds} s, loss of the last pass ${loss.toFixed(4)}`,
  );
}

interface ProbeOptions {
  classifier: Classifier;
  probe: NonNullable<Classification["probe"]>;
  /** Decides the order of the rows. */
  seed: number;
}

type Features = ReadonlyMap<Example, Float32Array>;

/** @param weight [labels, C], changed in place */
function fitHead(
  weight: Float32Array,
  {
    train,
    features,
    classifier: { labels, problem },
    probe: { epochs, learningRate: peak },
    seed,
  }: ProbeOptions & { train: Examples; features: Features },
): { steps: number; loss: number } {
  const data = { packing: false, maxLength: 1 } as const;
  const plan = planTraining(train, { batchSize: BATCH_SIZE, accumulate: 1, epochs, seed, data });
  const { totalSteps } = plan;
  const schedule = { type: "cosine", learningRate: peak, warmupSteps: 0, totalSteps } as const;
  const optimizer = initAdamW(weight.length);
  const ranges = [{ start: 0, end: weight.length, decays: false, rate: 1 }];
  const gradients = new Float32Array(weight.length);
  const lastPass = { sum: 0, rows: 0 };
  for (let step = 0; step < totalSteps; step++) {
    const rows = plan.microBatches(step).flat();
    gradients.fill(0);
    for (const example of rows) {
      const own = features.get(example);
      if (!own) throw new Error(`internal: no features of row ${example.line}`);
      const logits = headLogits(weight, own, labels.length);
      const { loss, gradient } = rowLoss(logits, example.label ?? 0, problem);
      addHeadGradient(gradients, gradient, own, 1 / rows.length);
      if (plan.epochAt(step) < epochs - 1) continue;
      lastPass.sum += loss;
      lastPass.rows++;
    }
    const learningRate = learningRateAt(step, schedule);
    updateAdamW({ parameters: weight, gradients }, optimizer, ranges, { ...ADAMW, learningRate });
  }
  return { steps: totalSteps, loss: lastPass.sum / lastPass.rows };
}

/** What the head reads of each row, [C]; undefined when it was stopped on the way. */
async function featuresOf(
  engine: TrainingEngine,
  rows: Examples,
  isStopped: () => Promise<boolean>,
): Promise<Features | undefined> {
  const features = new Map<Example, Float32Array>();
  for (const batch of evaluationBatches(rows, EVALUATION_ROWS)) {
    if (await isStopped()) return undefined;
    const { answers = [] } = await engine.evaluate(batch);
    for (const answer of answers) features.set(answer.example, answer.features);
  }
  return features;
}
