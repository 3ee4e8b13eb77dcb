/** A window's measurements as a table. */
import { type Spread, pairedRatio, spread } from "./statistics.ts";
import type { WindowResult, WorkerRecord } from "./window.ts";

export interface WorkerSummary {
  name: string;
  firstLossSeconds: number;
  openSeconds: number;
  roundMs: Spread;
  usefulTokensPerSecond: number;
  /** Share of the positions computed that counted. */
  usefulShare: number;
  peakMb: number;
  /** The first worker's time for a useful token divided by this one's; below 1 the first is faster. */
  timeRatio?: Spread;
  /** The first worker's peak memory divided by this one's. */
  memoryRatio?: number;
  gflops?: number;
  shareOfLimit?: number;
}

export interface WindowSummary {
  workers: WorkerSummary[];
  gemmGflops: Record<string, number>;
  flopsPerRound: number;
}

const msPerToken = ({ rounds }: WorkerRecord): number[] =>
  rounds.map(({ ms, usefulTokens }) => ms / usefulTokens);

export function summarise(result: WindowResult, flopsPerRound: number): WindowSummary {
  const [base] = result.workers;
  const limit = Math.max(...Object.values(result.gemmGflops));
  const workers = result.workers.map((worker): WorkerSummary => {
    const roundMs = spread(worker.rounds.map(({ ms }) => ms));
    const total = (key: "tokens" | "usefulTokens"): number =>
      worker.rounds.reduce((sum, round) => sum + round[key], 0);
    const gflops = flopsPerRound / 1e6 / roundMs.median;
    return {
      name: worker.name,
      firstLossSeconds: worker.firstLossMs / 1000,
      openSeconds: worker.openMs / 1000,
      roundMs,
      usefulTokensPerSecond: 1000 / spread(msPerToken(worker)).median,
      usefulShare: total("usefulTokens") / total("tokens"),
      peakMb: worker.peakMb,
      gflops,
      ...(Number.isFinite(limit) && { shareOfLimit: gflops / limit }),
      ...(base &&
        worker !== base && {
          timeRatio: pairedRatio(msPerToken(base), msPerToken(worker)),
          memoryRatio: base.peakMb / worker.peakMb,
        }),
    };
  });
  return { workers, gemmGflops: result.gemmGflops, flopsPerRound };
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

const HEADER = [
  "worker",
  "first loss s",
  "opened s",
  "median s",
  "useful tok/s",
  "time: first ÷ this [min–max]",
  "peak MB",
  "memory: first ÷ this",
  "GFLOP/s",
  "of limit",
];

function ratioText(ratio: Spread | undefined): string {
  if (!ratio) return "";
  return `${ratio.median.toFixed(3)} [${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)}]`;
}

export function windowTable({ workers, gemmGflops }: WindowSummary): string {
  const rows = workers.map((worker) => [
    worker.name,
    worker.firstLossSeconds.toFixed(1),
    worker.openSeconds.toFixed(1),
    (worker.roundMs.median / 1000).toFixed(2),
    worker.usefulTokensPerSecond.toFixed(1),
    ratioText(worker.timeRatio),
    worker.peakMb.toFixed(0),
    worker.memoryRatio?.toFixed(3) ?? "",
    worker.gflops?.toFixed(1) ?? "",
    worker.shareOfLimit === undefined ? "" : `${(100 * worker.shareOfLimit).toFixed(0)} %`,
  ]);
  const rates = Object.entries(gemmGflops).map(
    ([name, rate]) => `${name} ${rate.toFixed(1)} GFLOP/s`,
  );
  const limit = rates.length > 0 ? `\n\nMatrix product limit: ${rates.join(", ")}.` : "";
  return markdownTable(HEADER, rows) + limit;
}
