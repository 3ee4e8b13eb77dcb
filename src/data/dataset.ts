import { InputError } from "../util/errors.ts";
import { encodeRow } from "./encode-row.ts";
import { type Example, countedTokens } from "./example.ts";
import type { Format } from "./formats.ts";
import { type JsonlRow, readJsonl } from "./jsonl.ts";
import { type RowText, renderRows } from "./templates/row-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface DatasetOptions {
  tokenizer: Tokenizer;
  format: Format | "auto";
  lossOn: "auto" | "all";
  /** Longest row in tokens. */
  maxLength: number;
  overlong: "truncate" | "drop" | "error";
}

export interface DatasetReport {
  rows: number;
  formats: Readonly<Partial<Record<Format, number>>>;
  /** Line numbers. */
  truncated: readonly number[];
  dropped: readonly number[];
  withoutCounted: readonly number[];
  tokens: number;
  countedTokens: number;
}

export interface Dataset {
  examples: readonly Example[];
  report: DatasetReport;
}

/**
 * Reads, tokenises and masks a data file. Rows in which no token counts are left out and reported.
 * @throws InputError naming file and line for a row that can't be used, and for a file in which
 *   nothing is left to train on
 */
export async function loadDataset(file: string, options: DatasetOptions): Promise<Dataset> {
  const examples: Example[] = [];
  const formats: Partial<Record<Format, number>> = {};
  const truncated: number[] = [];
  const dropped: number[] = [];
  const withoutCounted: number[] = [];
  let rows = 0;
  const source = { file, format: options.format, chatTemplate: options.tokenizer.chatTemplate };
  for await (const batch of batchesOf(readJsonl(file))) {
    const texts = await renderRows(batch, source);
    for (const [index, row] of batch.entries()) {
      const text = texts[index];
      if (!text || text instanceof InputError) throw text ?? new InputError(`${file} lost a row`);
      rows++;
      formats[text.format] = (formats[text.format] ?? 0) + 1;
      const example = encodeExample(row, text, { file, options });
      const fitted = fitLength(example, file, options);
      if (fitted === undefined) dropped.push(row.line);
      else {
        if (fitted !== example) truncated.push(row.line);
        if (countedTokens(fitted) > 0) examples.push(fitted);
        else withoutCounted.push(row.line);
      }
    }
  }
  const report: DatasetReport = {
    rows,
    formats,
    truncated,
    dropped,
    withoutCounted,
    tokens: examples.reduce((sum, { ids }) => sum + ids.length, 0),
    countedTokens: examples.reduce((sum, example) => sum + countedTokens(example), 0),
  };
  checkNotEmpty(file, report, options);
  return { examples, report };
}

const ROWS_AT_ONCE = 256;

async function* batchesOf(rows: AsyncIterable<JsonlRow>): AsyncGenerator<JsonlRow[]> {
  let batch: JsonlRow[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < ROWS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function encodeExample(
  row: JsonlRow,
  text: RowText,
  { file, options }: { file: string; options: DatasetOptions },
): Example {
  try {
    const { ids, counted } = encodeRow(text, options.tokenizer);
    if (options.lossOn === "all") counted.fill(1);
    // The first token has nothing before it to be predicted from.
    counted[0] = 0;
    return { ids: Int32Array.from(ids), counted, line: row.line };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${file}:${row.line}: ${error.message}`, { cause: error });
  }
}

/** The example itself when it fits, its beginning when it is cut, undefined when it is dropped. */
function fitLength(
  example: Example,
  file: string,
  { maxLength, overlong }: DatasetOptions,
): Example | undefined {
  const { ids, counted, line } = example;
  if (ids.length <= maxLength) return example;
  switch (overlong) {
    case "drop":
      return undefined;
    case "truncate":
      return { ids: ids.slice(0, maxLength), counted: counted.slice(0, maxLength), line };
    case "error":
      throw new InputError(
        `${file}:${line}: the row has ${ids.length} tokens, data.maxLength is ${maxLength}; shorten it, raise maxLength, or set data.overlong to "truncate" or "drop"`,
      );
  }
}

function checkNotEmpty(file: string, report: DatasetReport, { maxLength }: DatasetOptions): void {
  if (report.rows === 0) throw new InputError(`${file} has no rows`);
  if (report.countedTokens > 0) return;
  const { withoutCounted, dropped, truncated } = report;
  if (dropped.length === report.rows) {
    throw new InputError(
      `${file}: all ${report.rows} rows are longer than data.maxLength ${maxLength} and were dropped`,
    );
  }
  const cut = truncated.length > 0 ? ` (${truncated.length} were cut at ${maxLength} tokens)` : "";
  throw new InputError(
    `${file}: no token counts in any of its ${report.rows} rows${cut}, so there is nothing to learn; rows need an assistant turn or a completion (first such line: ${withoutCounted[0]})`,
  );
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
  ];
}
