/** Random tokens, all counted: the same arithmetic on both sides, nothing to skip. */
import { type Context, type TrainWorker, writeTrainData } from "./context.ts";
import type { WeightType } from "./model-folder.ts";
import type { TrainConfig } from "./protocol.ts";
import { type CaseResult, type WindowSummary, windowTable } from "./report.ts";
import { type LlamaShape, SHAPES } from "./shapes.ts";
import { passWork, randomTokens } from "./train-data.ts";
import { baseConfig, firstLosses, trainingWindow } from "./training-window.ts";

export interface TokensWindow {
  name: string;
  rows: number;
  length: number;
  shape: LlamaShape;
  weightType: WeightType;
  rounds: number;
  workers: (config: TrainConfig) => readonly TrainWorker[];
}

export async function tokensWindow(
  context: Context,
  options: TokensWindow,
): Promise<WindowSummary> {
  const { name, rows, length, shape, weightType, rounds, workers } = options;
  const data = randomTokens({ rows, length, vocabulary: shape.vocabulary });
  const dataFile = writeTrainData(context, name, data);
  const config = await baseConfig(context, { shape, weightType, dataFile });
  return trainingWindow(context, {
    name,
    shape,
    workers: workers(config),
    work: passWork(data, config.rank),
    gemmTokens: rows * length,
    rounds,
    losses: firstLosses,
  });
}

interface Batch {
  name: string;
  rows: number;
  length: number;
}

async function batchCase(
  context: Context,
  { name, rows, length }: Batch,
  workers: TokensWindow["workers"],
): Promise<CaseResult> {
  const { rounds } = context;
  const shape = SHAPES["135M"];
  const options: TokensWindow = { name, rows, length, shape, weightType: "F32", rounds, workers };
  const summary = await tokensWindow(context, options);
  return { title: `135M, ${rows} × ${length} tokens`, table: windowTable(summary), data: summary };
}

/** Speed against every form of the peer. */
export function tokensCase(context: Context, batch: Batch): Promise<CaseResult> {
  return batchCase(context, batch, (config) => {
    const workers: TrainWorker[] = [
      { name: "retune", side: "retune", config },
      { name: "eager", side: "pytorch", config },
      { name: "tuned", side: "pytorch", config, tunedMalloc: true },
    ];
    if (context.quick) return workers;
    const compiled = { ...config, peer: { compile: true } };
    return [...workers, { name: "compiled", side: "pytorch", config: compiled }];
  });
}

/** Memory in the two modes that save it. */
export function memoryCase(context: Context, batch: Batch): Promise<CaseResult> {
  return batchCase(context, batch, (config) => [
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
    { name: "eager", side: "pytorch", config },
    {
      name: "checkpointing",
      side: "pytorch",
      config: { ...config, peer: { gradientCheckpointing: true } },
    },
  ]);
}
