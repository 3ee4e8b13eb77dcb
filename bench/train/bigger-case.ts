/** Larger models, stored in bfloat16, one row of 512 tokens: do they fit, and how long is a step. */
import { readFileSync } from "node:fs";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import type { Context, TrainWorker } from "./context.ts";
import type { TrainConfig } from "./protocol.ts";
import type { CaseResult } from "./report.ts";
import { SHAPES, parameterCount } from "./shapes.ts";
import { tokensWindows } from "./tokens-case.ts";
import { halfWeights, peer } from "./workers.ts";

export const BIGGER_SIZES = ["360M", "0.5B", "1.1B"] as const;
/** Steps are long and only the order of magnitude is asked for. */
const MOST_ROUNDS = 3;
/** Activations and logits of 512 tokens, and what ours needs beside it. */
const BESIDE_WEIGHTS_BYTES = 8e9;
/**
 * What PyTorch holds for each parameter when it keeps weights in float32: autocast keeps each rounded weight for the
 * backward pass as well.
 */
const BYTES_A_PARAMETER: Readonly<Record<Precision, number>> = { float32: 4, bfloat16: 4 + 2 };

/** Workers at once must not send the machine swapping. */
function fullWeightsFit(parameters: number, precision: Precision): boolean {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return (
    Number(kilobytes) * 1024 > BYTES_A_PARAMETER[precision] * parameters + BESIDE_WEIGHTS_BYTES
  );
}

/** Ours against each peer in turn: all at once would not fit. */
function biggerWindows(config: TrainConfig, fits: boolean): TrainWorker[][] {
  const ours: TrainWorker = { name: "retune", side: "retune", config };
  const full = fits ? [peer(config, "tuned", { tunedMalloc: true })] : [];
  const peers = config.precision === "float32" ? full : [halfWeights(config), ...full];
  return peers.length > 0 ? peers.map((worker) => [ours, worker]) : [[ours]];
}

export async function biggerCase(
  context: Context,
  size: (typeof BIGGER_SIZES)[number],
): Promise<CaseResult> {
  const shape = SHAPES[size];
  const parameters = parameterCount(shape);
  const fits = fullWeightsFit(parameters, context.precision);
  const { table, data } = await tokensWindows(context, {
    name: size,
    rows: 1,
    length: 512,
    shape,
    weightType: "BF16",
    rounds: Math.min(context.rounds, MOST_ROUNDS),
    workers: (config) => biggerWindows(config, fits),
  });
  const left = "\n\nPyTorch with weights in float32 is left out: not enough free memory.";
  return {
    title: `${(parameters / 1e6).toFixed(0)} M parameters, 1 × 512 tokens`,
    table: table + (fits ? "" : left),
    data,
  };
}
