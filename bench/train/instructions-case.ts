/**
 * A set of instructions of very different lengths, half of each masked: time per counted token over
 * one pass. Ours puts rows of like length together and projects only counted tokens. The peer is
 * measured padded, in batches of eight in random order as the Trainer makes them, and packed by TRL
 * into sequences of 512.
 *
 * Packed, one sequence a step with transformers' own loss is the peer's best on a CPU: two sequences
 * make one row of 1024 for its dense attention, and TRL's loss, which skips masked tokens too,
 * projects in tiles and once more in the backward pass (tried: 1.6 and 1.3 times the time). TRL's
 * loss is measured all the same, since SFTTrainer uses it.
 */
import { epochBatches } from "../../src/data/batches.ts";
import { type Context, writeTrainData } from "./context.ts";
import { type CaseResult, windowTable } from "./report.ts";
import { SHAPES } from "./shapes.ts";
import { instructionRows, passWork, shuffledBatches, toExamples } from "./train-data.ts";
import { RANK, baseConfig, storedIn, trainingWindow } from "./training-window.ts";
import type { WorkerRecord } from "./window.ts";
import { halfWeights, oursAndFloat32, peer } from "./workers.ts";

const ROWS = 64;
const QUICK_ROWS = 16;
const BATCH_ROWS = 8;
const PACKED_LENGTH = 512;
/** For the products' rate: about what a batch holds. */
const GEMM_TOKENS = 1024;
/** A pass takes minutes on two cores. */
const ROUNDS_PER_PASS = 3;
/**
 * So small that the adapter stays what it is: then the mean loss of a pass does not depend on the
 * order of its rows, and the sides can be compared. Times do not depend on it.
 */
const LEARNING_RATE = 1e-8;

/** Mean loss of the first measured pass, over the same counted tokens on every side. */
function passLosses(workers: readonly WorkerRecord[]): { name: string; loss: number }[] {
  const counts = new Set(workers.map(({ rounds }) => rounds[0]?.usefulTokens));
  if (counts.size > 1) {
    throw new Error(`counted tokens of a pass differ between the workers: ${[...counts].join()}`);
  }
  return workers.map(({ name, rounds: [first] }) => ({
    name,
    loss: (first?.lossSum ?? Number.NaN) / (first?.usefulTokens ?? Number.NaN),
  }));
}

export async function instructionsCase(context: Context): Promise<CaseResult> {
  const shape = SHAPES["135M"];
  const count = context.quick ? QUICK_ROWS : ROWS;
  const rows = instructionRows({ count, vocabulary: shape.vocabulary, seed: 1 });
  const plan = {
    packing: "auto",
    batchSize: BATCH_ROWS,
    maxLength: PACKED_LENGTH,
    seed: 1,
    epoch: 0,
  } as const;
  const grouped = {
    rows,
    steps: epochBatches(toExamples(rows), plan),
    lastTokenIsLabelOnly: false,
  };
  const random = { ...grouped, steps: shuffledBatches(count, { batchSize: BATCH_ROWS, seed: 1 }) };
  const shared = await baseConfig(context, {
    shape,
    weightType: storedIn(context),
    dataFile: writeTrainData(context, "instructions-grouped", grouped),
  });
  const config = { ...shared, learningRate: LEARNING_RATE };
  const theirs = { ...config, dataFile: writeTrainData(context, "instructions-random", random) };
  const packing = { length: PACKED_LENGTH, sequencesPerStep: 1 };
  const ours = oursAndFloat32(config);
  const padded = [...ours, peer(theirs, "padded")];
  const packs = [
    ...ours,
    peer(theirs, "packed", { packing }),
    peer(theirs, "packed-tuned", { packing, tunedMalloc: true }),
  ];
  if (context.precision === "bfloat16") packs.push(halfWeights(theirs, { packing }));
  if (!context.quick) packs.push(peer(theirs, "packed-trl-loss", { packing, trlLoss: true }));
  // Two windows: padded to 400 tokens, eight rows take too much memory to stand beside all others.
  const summaries = [];
  for (const [name, workers] of Object.entries({ padded, packed: packs })) {
    const summary = await trainingWindow(context, {
      name: `instructions-${name}`,
      shape,
      workers,
      work: passWork(grouped, RANK),
      gemmTokens: GEMM_TOKENS,
      rounds: Math.ceil(context.rounds / ROUNDS_PER_PASS),
      losses: passLosses,
    });
    summaries.push(summary);
  }
  return {
    title: `135M, ${count} rows of 40–400 tokens, half of each counted, one pass`,
    table: summaries.map(windowTable).join("\n\n"),
    data: summaries,
  };
}
