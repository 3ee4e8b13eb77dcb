/** From starting the process to the first loss, in turns: what a person waits before a run lives. */
import { type Context, trainCommand, writeTrainData } from "./context.ts";
import type { StepReply } from "./protocol.ts";
import { type CaseResult, markdownTable } from "./report.ts";
import { SHAPES } from "./shapes.ts";
import { pairedRatio, spread } from "./statistics.ts";
import { randomTokens } from "./train-data.ts";
import { baseConfig, checkLosses } from "./training-window.ts";
import { type WorkerCommand, WorkerProcess } from "./worker-process.ts";

const STARTS = 3;

interface Start {
  ms: number;
  openMs: number;
  loss: number;
}

async function startOnce(command: WorkerCommand): Promise<Start> {
  const worker = await WorkerProcess.start<StepReply>(command);
  try {
    const { loss } = await worker.step();
    return { ms: worker.sinceSpawnMs(), openMs: worker.ready.openMs, loss };
  } finally {
    await worker.stop();
  }
}

export async function firstLossCase(context: Context): Promise<CaseResult> {
  const shape = SHAPES["135M"];
  const data = randomTokens({ rows: 4, length: 256, vocabulary: shape.vocabulary });
  const dataFile = writeTrainData(context, "first-loss", data);
  const config = await baseConfig(context, { shape, weightType: "F32", dataFile });
  const commands = [
    trainCommand(context, "first-loss", { name: "retune", side: "retune", config }),
    trainCommand(context, "first-loss", { name: "eager", side: "pytorch", config }),
  ];
  const starts = commands.map((): Start[] => []);
  // The first start of each fills the file cache and is not counted.
  for (let round = 0; round <= STARTS; round++) {
    for (const [index, command] of commands.entries()) {
      const start = await startOnce(command);
      context.log(`${command.name}: first loss after ${(start.ms / 1000).toFixed(2)} s`);
      if (round > 0) starts[index]?.push(start);
    }
  }
  checkLosses(
    commands.map(({ name }, at) => ({ name, loss: starts[at]?.[0]?.loss ?? Number.NaN })),
  );
  const [ours = [], theirs = []] = starts.map((list) => list.map(({ ms }) => ms));
  const ratio = pairedRatio(ours, theirs);
  const workers = commands.map(({ name }, index) => ({
    name,
    firstLossMs: spread((starts[index] ?? []).map(({ ms }) => ms)),
    openMs: spread((starts[index] ?? []).map(({ openMs }) => openMs)),
  }));
  const rows = workers.map(({ name, firstLossMs: { median, min, max }, openMs }) => [
    name,
    `${(median / 1000).toFixed(2)} [${(min / 1000).toFixed(2)}–${(max / 1000).toFixed(2)}]`,
    (openMs.median / 1000).toFixed(2),
    name === "retune"
      ? ""
      : `${ratio.median.toFixed(3)} [${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)}]`,
  ]);
  const header = ["worker", "first loss s", "opened s", "retune ÷ this"];
  return {
    title: `135M, 4 × 256 tokens, ${STARTS} starts in turns`,
    table: markdownTable(header, rows),
    data: { workers, ratio },
  };
}
