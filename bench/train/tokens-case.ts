/** Random tokens, all counted: the same arithmetic on both sides, nothing to skip. */
import { type Context, type TrainWorker, writeTrainData } from "./context.ts";
import type { WeightType } from "./model-folder.ts";
import type { TrainConfig } from "./protocol.ts";
import { type CaseResult, type WindowSummary, windowTable } from "./report.ts";
import { type LlamaShape, SHAPES } from "./shapes.ts";
import { passWork, randomTokens } from "./train-data.ts";
import { baseConfig, firstLosses, storedIn, trainingWindow } from "./training-window.ts";
import { peer, stepWindows } from "./workers.ts";

export interface TokensWindows {
  name: string;
  rows: number;
  length: number;
  shape: LlamaShape;
  weightType: WeightType;
  rounds: number;
  /** Each list takes turns in a window of its own. */
  workers: (config: TrainConfig) => readonly (readonly TrainWorker[])[];
}

export async function tokensWindows(
  context: Context,
  options: TokensWindows,
): Promise<{ table: string; data: readonly WindowSummary[] }> {
  const { name, rows, length, shape, weightType, rounds, workers } = options;
  const data = randomTokens({ rows, length, vocabulary: shape.vocabulary });
  const dataFile = writeTrainData(context, name, data);
  const config = await baseConfig(context, { shape, weightType, dataFile });
  const summaries: WindowSummary[] = [];
  for (const window of workers(config)) {
    const summary = await trainingWindow(context, {
      name,
      shape,
      workers: window,
      work: passWork(data, config.rank),
      gemmTokens: rows * length,
      rounds,
      losses: firstLosses,
    });
    summaries.push(summary);
  }
  return { table: summaries.map(windowTable).join("\n\n"), data: summaries };
}

interface Batch {
  name: string;
  rows: number;
  length: number;
}

async function batchCase(
  context: Context,
  batch: Batch,
  workers: TokensWindows["workers"],
): Promise<CaseResult> {
  const { rounds } = context;
  const shape = SHAPES["135M"];
  const weightType = storedIn(context);
  const measured = await tokensWindows(context, { ...batch, shape, weightType, rounds, workers });
  return { title: `135M, ${batch.rows} × ${batch.length} tokens`, ...measured };
}

/** Speed against every form of the peer. */
export function tokensCase(context: Context, batch: Batch): Promise<CaseResult> {
  return batchCase(context, batch, (config) => stepWindows(context, config));
}

/** Memory in the two modes that save it. */
export function memoryCase(context: Context, batch: Batch): Promise<CaseResult> {
  return batchCase(context, batch, (config) => [
    [
      {
        name: "retune-memory",
        side: "retune",
        config: { ...config, engine: { memory: "memory" } },
      },
      {
        name: "retune-balanced",
        side: "retune",
        config: { ...config, engine: { memory: "balanced" } },
      },
      peer(config, "eager"),
      peer(config, "checkpointing", { gradientCheckpointing: true }),
    ],
  ]);
}
