/** From starting the process to the first loss, in turns: what a person waits before a run lives. */
import { type Context, trainCommand, writeTrainData } from "./context.ts";
import type { StepReply } from "./protocol.ts";
import { type CaseResult, markdownTable, ratioText } from "./report.ts";
import { SHAPES } from "./shapes.ts";
import { pairedRatio, spread } from "./statistics.ts";
import { randomTokens } from "./train-data.ts";
import { baseConfig, checkLosses, storedIn } from "./training-window.ts";
import { type WorkerCommand, WorkerProcess } from "./worker-process.ts";
import { oursAndFloat32, peer } from "./workers.ts";

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
  const weightType = storedIn(context);
  const config = await baseConfig(context, { shape, weightType, dataFile });
  const commands = [...oursAndFloat32(config), peer(config, "eager")].map((worker) =>
    trainCommand(context, "first-loss", worker),
  );
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
    context.precision,
  );
  const ours = (starts[0] ?? []).map(({ ms }) => ms);
  const workers = commands.map(({ name }, index) => {
    const times = (starts[index] ?? []).map(({ ms }) => ms);
    return {
      name,
      firstLossMs: spread(times),
      openMs: spread((starts[index] ?? []).map(({ openMs }) => openMs)),
      ...(index > 0 && { ratio: pairedRatio(ours, times) }),
    };
  });
  const rows = workers.map(({ name, firstLossMs: { median, min, max }, openMs, ratio }) => [
    name,
    `${(median / 1000).toFixed(2)} [${(min / 1000).toFixed(2)}–${(max / 1000).toFixed(2)}]`,
    (openMs.median / 1000).toFixed(2),
    ratioText(ratio),
  ]);
  const header = ["worker", "first loss s", "opened s", "retune ÷ this"];
  return {
    title: `135M, 4 × 256 tokens, ${STARTS} starts in turns`,
    table: markdownTable(header, rows),
    data: { workers },
  };
}
