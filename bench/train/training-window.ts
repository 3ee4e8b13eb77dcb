/** A window of training workers over one model and one set of tokens: run, checked, summed up. */
import path from "node:path";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import { type Context, type TrainWorker, gemmCommands, trainCommand } from "./context.ts";
import { type StepWork, stepFlops } from "./flops.ts";
import { type WeightType, modelFolder } from "./model-folder.ts";
import type { TrainConfig } from "./protocol.ts";
import { type WindowSummary, summarise } from "./report.ts";
import type { LlamaShape } from "./shapes.ts";
import { type WorkerRecord, runWindow } from "./window.ts";

export const RANK = 8;
const WARM_STEPS = 2;
/**
 * Largest part of a loss by which the sides may differ. In float32 they add up the same products in another order; in
 * bfloat16 each rounds at other places.
 */
const LOSS_TOLERANCE: Readonly<Record<Precision, number>> = { float32: 1e-4, bfloat16: 2e-4 };

/** Who trains in bfloat16 has a base that is stored so, as nearly all are that are published. */
export const storedIn = ({ precision }: Context): WeightType =>
  precision === "bfloat16" ? "BF16" : "F32";

/** A wider product is no faster, and takes gigabytes beside the workers. */
const MOST_COLUMNS = 49152;

/** What all workers of a window have in common. */
export async function baseConfig(
  context: Context,
  options: { shape: LlamaShape; weightType: WeightType; dataFile: string; rank?: number },
): Promise<TrainConfig> {
  const { shape, weightType, dataFile, rank = RANK } = options;
  return {
    modelDir: await modelFolder(path.join(context.outDir, "models"), shape, weightType),
    dataFile,
    threads: context.threads,
    rank,
    alpha: 2 * rank,
    learningRate: 2e-4,
    precision: context.precision,
  };
}

/** @throws when losses differ: then the sides did not compute the same thing, and no time counts */
export function checkLosses(
  losses: readonly { name: string; loss: number }[],
  precision: Precision = "float32",
): void {
  const tolerance = LOSS_TOLERANCE[precision];
  const [base, ...others] = losses;
  for (const { name, loss } of others) {
    const difference = Math.abs(loss - (base?.loss ?? Number.NaN));
    if (!(difference <= tolerance * Math.abs(loss))) {
      throw new Error(
        `loss of ${name} is ${loss}, of ${base?.name} ${base?.loss}: they differ by more than ${tolerance} of it, so the two do not compute the same step`,
      );
    }
  }
}

export const firstLosses = (
  workers: readonly WorkerRecord[],
): readonly { name: string; loss: number }[] =>
  workers.map(({ name, firstLoss }) => ({ name, loss: firstLoss }));

export interface TrainingWindow {
  /** Also the name of its input files. */
  name: string;
  shape: LlamaShape;
  workers: readonly TrainWorker[];
  /** Work of one round. */
  work: StepWork;
  /** Tokens of a batch, for the matrix products' rate; left out: not measured. */
  gemmTokens?: number;
  rounds: number;
  /** What must agree between the workers. */
  losses: (workers: readonly WorkerRecord[]) => readonly { name: string; loss: number }[];
}

export async function trainingWindow(
  context: Context,
  options: TrainingWindow,
): Promise<WindowSummary> {
  const { name, shape, workers, work, gemmTokens, rounds, losses } = options;
  const { hidden, intermediate, vocabulary } = shape;
  const result = await runWindow({
    workers: workers.map((worker) => trainCommand(context, name, worker)),
    gemm:
      gemmTokens === undefined
        ? []
        : gemmCommands(context, name, {
            threads: context.threads,
            precision: context.precision,
            tokens: gemmTokens,
            shapes: [
              [hidden, intermediate],
              [intermediate, hidden],
              [hidden, hidden],
              [hidden, Math.min(vocabulary, MOST_COLUMNS)],
            ],
          }),
    rounds,
    warmSteps: WARM_STEPS,
    log: context.log,
  });
  checkLosses(losses(result.workers), context.precision);
  const ours = workers
    .filter(({ side, config }) => side === "retune" && config.precision === context.precision)
    .map((worker) => worker.name);
  return summarise(result, { ours, flopsPerRound: stepFlops(shape, work).total });
}
