/** What was read of a data file. */
import type { Format } from "./formats.ts";

export interface DatasetReport {
  rows: number;
  formats: Readonly<Partial<Record<Format, number>>>;
  /** Line numbers. */
  truncated: readonly number[];
  dropped: readonly number[];
  withoutCounted: readonly number[];
  /** With an answer whose place in the rendered text can't be told; it is not trained. */
  unplaced: readonly number[];
  tokens: number;
  countedTokens: number;
}

const MAX_LINES_LISTED = 10;

function listLines(lines: readonly number[]): string {
  const more = lines.length - MAX_LINES_LISTED;
  const listed = lines.slice(0, MAX_LINES_LISTED).join(", ");
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/** The report in words, for the log. */
export function describeReport(file: string, report: DatasetReport): string[] {
  const formats = Object.entries(report.formats).map(([format, count]) => `${count} ${format}`);
  const share = ((100 * report.countedTokens) / Math.max(report.tokens, 1)).toFixed(1);
  const note = (what: string, lines: readonly number[]): string[] =>
    lines.length === 0 ? [] : [`  ${lines.length} rows ${what}: lines ${listLines(lines)}`];
  return [
    `${file}: ${report.rows} rows (${formats.join(", ")}), ${report.tokens} tokens, ${report.countedTokens} count (${share} %)`,
    ...note("cut to data.maxLength", report.truncated),
    ...note("dropped as longer than data.maxLength", report.dropped),
    ...note("left out because no token counts", report.withoutCounted),
    ...note(
      "with answers that are not trained, because the chat template renders them otherwise once later turns follow",
      report.unplaced,
    ),
  ];
}
