/** Random tokens, all counted: the same arithmetic on both sides, nothing to skip. */
import path from "node:path";
import {
  type Context,
  type TrainWorker,
  gemmCommands,
  trainCommand,
  writeTrainData,
} from "./context.ts";
import type { CaseResult } from "./cases.ts";
import { stepFlops } from "./flops.ts";
import { type WeightType, modelFolder } from "./model-folder.ts";
import type { TrainConfig } from "./protocol.ts";
import { summarise, windowTable } from "./report.ts";
import { type LlamaShape, SHAPES } from "./shapes.ts";
import { passWork, randomTokens } from "./train-data.ts";
import { type WorkerRecord, runWindow } from "./window.ts";

const RANK = 8;
const WARM_STEPS = 2;
/** Both sides add up the same float32 products in another order. */
const LOSS_TOLERANCE = 1e-4;

/** @throws when the first losses differ: then the sides did not compute the same thing, and no time counts */
export function checkFirstLosses(
  workers: readonly Pick<WorkerRecord, "name" | "firstLoss">[],
): void {
  const [base, ...others] = workers;
  for (const { name, firstLoss } of others) {
    const difference = Math.abs(firstLoss - (base?.firstLoss ?? Number.NaN));
    if (!(difference <= LOSS_TOLERANCE * Math.abs(firstLoss))) {
      throw new Error(
        `first loss of ${name} is ${firstLoss}, of ${base?.name} ${base?.firstLoss}: they differ by more than ${LOSS_TOLERANCE} of it, so the two do not compute the same step`,
      );
    }
  }
}

export interface TokensCase {
  name: string;
  rows: number;
  length: number;
  shape?: LlamaShape;
  weightType?: WeightType;
}

export async function tokensCase(context: Context, options: TokensCase): Promise<CaseResult> {
  const { name, rows, length, shape = SHAPES["135M"], weightType = "F32" } = options;
  const data = randomTokens({ rows, length, vocabulary: shape.vocabulary });
  const config: TrainConfig = {
    modelDir: await modelFolder(path.join(context.outDir, "models"), shape, weightType),
    dataFile: writeTrainData(context, name, data),
    threads: context.threads,
    rank: RANK,
    alpha: 2 * RANK,
    learningRate: 2e-4,
  };
  const workers: TrainWorker[] = [
    { name: "retune", side: "retune", config },
    { name: "eager", side: "pytorch", config },
    { name: "tuned", side: "pytorch", config, tunedMalloc: true },
  ];
  if (!context.quick) {
    workers.push({
      name: "compiled",
      side: "pytorch",
      config: { ...config, peer: { compile: true } },
    });
  }
  const { hidden, intermediate, vocabulary } = shape;
  const result = await runWindow({
    workers: workers.map((worker) => trainCommand(context, name, worker)),
    gemm: gemmCommands(context, name, {
      threads: context.threads,
      tokens: rows * length,
      shapes: [
        [hidden, intermediate],
        [intermediate, hidden],
        [hidden, hidden],
        [hidden, vocabulary],
      ],
    }),
    rounds: context.rounds,
    warmSteps: WARM_STEPS,
    log: context.log,
  });
  checkFirstLosses(result.workers);
  const summary = summarise(result, stepFlops(shape, passWork(data, RANK)).total);
  return { title: `${rows} × ${length} random tokens`, table: windowTable(summary), data: summary };
}
