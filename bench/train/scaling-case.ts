/** Ours only: how step time and memory grow with one thing at a time, from a 135M shape cut to 12 layers. */
import { type Context, type TrainWorker, trainCommand, writeTrainData } from "./context.ts";
import { type CaseResult, markdownTable } from "./report.ts";
import { type LlamaShape, SHAPES } from "./shapes.ts";
import { spread } from "./statistics.ts";
import { randomTokens } from "./train-data.ts";
import { RANK, baseConfig } from "./training-window.ts";
import { runWindow } from "./window.ts";

interface Point {
  tokens: number;
  rank: number;
  shape: LlamaShape;
}

const BASE: Point = { tokens: 512, rank: RANK, shape: { ...SHAPES["135M"], layers: 12 } };

/** factor → the values it takes, each as a whole point. */
const FACTORS: Readonly<Record<string, readonly (readonly [number, Point])[]>> = {
  tokens: [128, 256, 512, 1024, 2048].map((tokens) => [tokens, { ...BASE, tokens }]),
  rank: [4, 16, 64].map((rank) => [rank, { ...BASE, rank }]),
  layers: [6, 12, 30].map((layers) => [layers, { ...BASE, shape: { ...BASE.shape, layers } }]),
  vocabulary: [8192, 49152, 151936].map((vocabulary) => [
    vocabulary,
    { ...BASE, shape: { ...BASE.shape, vocabulary } },
  ]),
};

async function pointWorker(context: Context, name: string, point: Point): Promise<TrainWorker> {
  const { tokens, rank, shape } = point;
  const data = randomTokens({ rows: 1, length: tokens, vocabulary: shape.vocabulary });
  const dataFile = writeTrainData(context, `scaling-${name}`, data);
  const config = await baseConfig(context, { shape, weightType: "F32", dataFile, rank });
  return { name, side: "retune", config };
}

export async function scalingCase(context: Context): Promise<CaseResult> {
  const points = [];
  for (const [factor, values] of Object.entries(FACTORS)) {
    const workers: TrainWorker[] = [];
    for (const [value, point] of values) {
      workers.push(await pointWorker(context, `${factor}-${value}`, point));
    }
    const result = await runWindow({
      workers: workers.map((worker) => trainCommand(context, "scaling", worker)),
      gemm: [],
      rounds: context.rounds,
      warmSteps: 2,
      log: context.log,
    });
    for (const [index, { rounds, peakMb }] of result.workers.entries()) {
      const ms = spread(rounds.map((round) => round.ms));
      points.push({ factor, value: values[index]?.[0], ms, peakMb });
    }
  }
  const rows = points.map(({ factor, value, ms, peakMb }) => [
    factor,
    String(value),
    `${(ms.median / 1000).toFixed(3)} [${(ms.min / 1000).toFixed(3)}–${(ms.max / 1000).toFixed(3)}]`,
    peakMb.toFixed(0),
  ]);
  return {
    title: "135M shape with 12 layers, 1 × 512 tokens, rank 8; one factor varied",
    table: markdownTable(["factor", "value", "step s [min–max]", "peak MB"], rows),
    data: points,
  };
}
