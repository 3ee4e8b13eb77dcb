/** A window's measurements, summed up and as a table. */
import { type Spread, pairedRatio, spread } from "./statistics.ts";
import type { WindowResult, WorkerRecord } from "./window.ts";

export interface CaseResult {
  title: string;
  /** Markdown. */
  table: string;
  data: unknown;
}

export interface WorkerSummary {
  name: string;
  firstLossSeconds: number;
  openSeconds: number;
  roundMs: Spread;
  usefulTokensPerSecond: number;
  peakMb: number;
  /** A peer: the time of each worker of ours for a counted token, divided by this one's. */
  timeRatios: Record<string, Spread>;
  /** A peer: the peak memory of each worker of ours divided by this one's. */
  memoryRatios: Record<string, number>;
  /** Counts the work that the step needs (flops.ts), whatever else the worker computes. */
  gflops: number;
  /** Left out where the matrix products' rate was not measured. */
  shareOfLimit?: number;
}

export interface WindowSummary {
  workers: WorkerSummary[];
  ours: readonly string[];
  gemmGflops: Record<string, number>;
  flopsPerRound: number;
}

const msPerToken = ({ rounds }: WorkerRecord): number[] =>
  rounds.map(({ ms, usefulTokens }) => ms / usefulTokens);

/** @param ours names of the workers that the others are compared with */
export function summarise(
  result: WindowResult,
  { ours, flopsPerRound }: { ours: readonly string[]; flopsPerRound: number },
): WindowSummary {
  const bases = result.workers.filter(({ name }) => ours.includes(name));
  const limit = Math.max(...Object.values(result.gemmGflops));
  const workers = result.workers.map((worker): WorkerSummary => {
    const roundMs = spread(worker.rounds.map(({ ms }) => ms));
    const gflops = flopsPerRound / 1e6 / roundMs.median;
    const compared = bases.includes(worker) ? [] : bases;
    return {
      name: worker.name,
      firstLossSeconds: worker.firstLossMs / 1000,
      openSeconds: worker.openMs / 1000,
      roundMs,
      usefulTokensPerSecond: 1000 / spread(msPerToken(worker)).median,
      peakMb: worker.peakMb,
      timeRatios: Object.fromEntries(
        compared.map((base) => [base.name, pairedRatio(msPerToken(base), msPerToken(worker))]),
      ),
      memoryRatios: Object.fromEntries(
        compared.map((base) => [base.name, base.peakMb / worker.peakMb]),
      ),
      gflops,
      ...(Number.isFinite(limit) && { shareOfLimit: gflops / limit }),
    };
  });
  return { workers, ours, gemmGflops: result.gemmGflops, flopsPerRound };
}

export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join(
    "\n",
  );
}

export function ratioText(ratio: Spread | undefined): string {
  if (!ratio) return "";
  return `${ratio.median.toFixed(3)} [${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)}]`;
}

function rateText(rates: Readonly<Record<string, number>>): string {
  const texts = Object.entries(rates).map(([name, rate]) => `${name} ${rate.toFixed(1)} GFLOP/s`);
  return texts.length > 0 ? `\n\nMatrix product limit: ${texts.join(", ")}.` : "";
}

export function windowTable({ workers, ours, gemmGflops }: WindowSummary): string {
  const header = [
    "worker",
    "first loss s",
    "opened s",
    "median s",
    "counted tok/s",
    ...ours.map((name) => `time ${name} ÷ this`),
    "peak MB",
    ...ours.map((name) => `memory ${name} ÷ this`),
    "GFLOP/s",
    "of limit",
  ];
  const rows = workers.map((worker) => [
    worker.name,
    worker.firstLossSeconds.toFixed(1),
    worker.openSeconds.toFixed(1),
    (worker.roundMs.median / 1000).toFixed(2),
    worker.usefulTokensPerSecond.toFixed(1),
    ...ours.map((name) => ratioText(worker.timeRatios[name])),
    worker.peakMb.toFixed(0),
    ...ours.map((name) => worker.memoryRatios[name]?.toFixed(3) ?? ""),
    worker.gflops.toFixed(1),
    worker.shareOfLimit === undefined ? "" : `${(100 * worker.shareOfLimit).toFixed(0)} %`,
  ]);
  return markdownTable(header, rows) + rateText(gemmGflops);
}
