/** Larger models in bfloat16, one row of 512 tokens: do they fit, and how long is a step. */
import { readFileSync } from "node:fs";
import type { Context, TrainWorker } from "./context.ts";
import { type CaseResult, windowTable } from "./report.ts";
import { SHAPES, parameterCount } from "./shapes.ts";
import { tokensWindow } from "./tokens-case.ts";

const SIZES = ["360M", "0.5B", "1.1B"] as const;
/** Steps are long and only the order of magnitude is asked for. */
const MOST_ROUNDS = 3;
/** Activations and logits of 512 tokens, and what ours needs beside it. */
const BESIDE_WEIGHTS_BYTES = 8e9;

/** PyTorch holds the weights in float32. Two workers at once must not send the machine swapping. */
function eagerFits(parameters: number): boolean {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Number(kilobytes) * 1024 > 4 * parameters + BESIDE_WEIGHTS_BYTES;
}

export async function biggerCase(context: Context): Promise<CaseResult> {
  const summaries: Record<string, unknown> = {};
  const tables: string[] = [];
  for (const size of SIZES) {
    const shape = SHAPES[size];
    const parameters = parameterCount(shape);
    const fits = eagerFits(parameters);
    const summary = await tokensWindow(context, {
      name: `bigger-${size}`,
      rows: 1,
      length: 512,
      shape,
      weightType: "BF16",
      rounds: Math.min(context.rounds, MOST_ROUNDS),
      workers: (config) => {
        const ours: TrainWorker = { name: "retune", side: "retune", config };
        return fits ? [ours, { name: "eager", side: "pytorch", config }] : [ours];
      },
    });
    summaries[size] = summary;
    const left = fits ? "" : "\n\neager left out: not enough free memory for float32 weights.";
    tables.push(
      `**${size}** (${(parameters / 1e6).toFixed(0)} M)\n\n${windowTable(summary)}${left}`,
    );
  }
  return {
    title: "larger models, bfloat16 weights, 1 × 512 tokens",
    table: tables.join("\n\n"),
    data: summaries,
  };
}
