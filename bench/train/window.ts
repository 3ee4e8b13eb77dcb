/**
 * One window of measurement: all workers of a case are alive, one computes at a time, and they take
 * turns step by step, so that what disturbs the machine disturbs all of them alike.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { GemmReply, StepReply } from "./protocol.ts";
import { type WorkerCommand, WorkerProcess } from "./worker-process.ts";

/** Between turns: a worker's idle threads spin for a while and would take the next one's cores. */
const SETTLE_MS = 200;

export interface RoundTotals {
  ms: number;
  tokens: number;
  usefulTokens: number;
  /** Sum over counted tokens. */
  lossSum: number;
}

export interface WorkerRecord {
  name: string;
  /** Spawn to the reply to the first step, in milliseconds. */
  firstLossMs: number;
  /** Reading the model, preparing it, creating the session. */
  openMs: number;
  /** The first step's loss. */
  firstLoss: number;
  /** A round is one pass over the case's data: one step, or all batches of a data set. */
  rounds: RoundTotals[];
  peakMb: number;
  stepsPerRound: number;
}

export interface WindowResult {
  workers: WorkerRecord[];
  /** Best rate of each engine's matrix product in this window. */
  gemmGflops: Record<string, number>;
}

export interface WindowOptions {
  workers: readonly WorkerCommand[];
  gemm: readonly WorkerCommand[];
  rounds: number;
  /** Steps of each worker that are not counted: the first are slower, memory is still growing. */
  warmSteps: number;
  log: (line: string) => void;
}

interface Running {
  process: WorkerProcess<StepReply>;
  record: WorkerRecord;
}

async function startWorker(command: WorkerCommand): Promise<Running> {
  const process = await WorkerProcess.start<StepReply>(command);
  const first = await process.step();
  const { openMs, stepsPerPass } = process.ready;
  const record: WorkerRecord = {
    name: command.name,
    firstLossMs: process.sinceSpawnMs(),
    openMs,
    firstLoss: first.loss,
    rounds: [],
    peakMb: first.peakMb,
    stepsPerRound: stepsPerPass,
  };
  return { process, record };
}

async function countedStep({ process, record }: Running, into: RoundTotals): Promise<void> {
  await sleep(SETTLE_MS);
  const { ms, loss, tokens, usefulTokens, peakMb } = await process.step();
  into.ms += ms;
  into.tokens += tokens;
  into.usefulTokens += usefulTokens;
  into.lossSum += loss * usefulTokens;
  record.peakMb = Math.max(record.peakMb, peakMb);
}

/** The turns of one round: workers with more steps a pass come more often, evenly spread. */
export function turnsOfRound(stepsPerRound: readonly number[]): number[] {
  const turns = stepsPerRound.flatMap((steps, worker) =>
    Array.from({ length: steps }, (_, step) => ({ worker, at: (step + 0.5) / steps })),
  );
  return turns.toSorted((a, b) => a.at - b.at).map(({ worker }) => worker);
}

async function playRound(running: readonly Running[]): Promise<void> {
  const totals = running.map(() => ({ ms: 0, tokens: 0, usefulTokens: 0, lossSum: 0 }));
  for (const turn of turnsOfRound(running.map(({ record }) => record.stepsPerRound))) {
    const [worker, into] = [running[turn], totals[turn]];
    if (worker && into) await countedStep(worker, into);
  }
  running.forEach(({ record }, index) => {
    const total = totals[index];
    if (total) record.rounds.push(total);
  });
}

export async function runWindow(options: WindowOptions): Promise<WindowResult> {
  const { workers, gemm, rounds, warmSteps, log } = options;
  const running: Running[] = [];
  const products: WorkerProcess<GemmReply>[] = [];
  const gemmGflops: Record<string, number> = {};
  try {
    for (const command of workers) {
      const started = await startWorker(command);
      const { name, firstLossMs, firstLoss } = started.record;
      log(`${name}: first loss ${firstLoss.toFixed(4)} after ${(firstLossMs / 1000).toFixed(1)} s`);
      running.push(started);
    }
    for (const command of gemm) products.push(await WorkerProcess.start<GemmReply>(command));
    for (const { process } of running) {
      for (let step = 1; step < warmSteps; step++) await process.step();
    }
    for (let round = 0; round < rounds; round++) {
      for (const product of products) {
        await sleep(SETTLE_MS);
        const { gflops } = await product.step();
        gemmGflops[product.name] = Math.max(gemmGflops[product.name] ?? 0, gflops);
      }
      await playRound(running);
      const times = running.map(({ record: { name, rounds: done } }) => {
        return `${name} ${((done.at(-1)?.ms ?? Number.NaN) / 1000).toFixed(2)} s`;
      });
      log(`round ${round + 1}/${rounds}: ${times.join(", ")}`);
    }
    return { workers: running.map(({ record }) => record), gemmGflops };
  } finally {
    const all = [...running.map(({ process }) => process), ...products];
    await Promise.all(all.map((process) => process.stop()));
  }
}
