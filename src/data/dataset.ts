/** From a data file to rows of tokens. */
import { InputError } from "../util/errors.ts";
import type { StoredDataset } from "./dataset-file.ts";
import type { DatasetReport } from "./dataset-report.ts";
import { type EncodedRow, encodeTexts } from "./encode-texts.ts";
import { ExampleStoreBuilder } from "./example-store.ts";
import type { Examples } from "./example.ts";
import type { Format } from "./formats.ts";
import { readRows } from "./rows/read-rows.ts";
import type { DataRow } from "./rows/row.ts";
import { inBatches } from "./row-batches.ts";
import { type RowText, renderRows } from "./templates/row-text.ts";
import { cachedDataset } from "./token-cache.ts";
import { type Tokenizer, checkInVocabulary } from "./tokenizer.ts";

export interface DatasetOptions {
  tokenizer: Tokenizer;
  /** The number of rows of the model's embeddings. */
  vocabSize: number;
  format: Format | "auto";
  lossOn: "auto" | "all";
  /** Longest row in tokens. */
  maxLength: number;
  overlong: "truncate" | "drop" | "error";
}

export interface Dataset {
  examples: Examples;
  report: DatasetReport;
}

/**
 * Reads, tokenises and masks a data file, or finds it in the cache. Rows in which no token counts are left out and reported.
 * The thread stays free: the tokenizer has threads of its own. When all files are loaded, close the tokenizer's chat template.
 * @throws InputError naming file and line for a row that can't be used, and for a file in which
 *   nothing is left to train on
 */
export async function loadDataset(file: string, options: DatasetOptions): Promise<Dataset> {
  const { tokenizer, ...others } = options;
  const sources = { data: file, tokenizer: tokenizer.sources, options: others };
  return cachedDataset(sources, () => tokenise(file, options));
}

async function tokenise(file: string, options: DatasetOptions): Promise<StoredDataset> {
  const dataset = new DatasetBuilder(file, options);
  const encode = (rows: readonly DataRow[]) => encodeRows(rows, file, options);
  for await (const batch of inBatches(readRows(file), encode)) {
    for (const row of batch) {
      if (row instanceof InputError) throw row;
      dataset.add(row);
    }
  }
  return dataset.finish();
}

interface Row extends EncodedRow {
  line: number;
  format: Format;
  unplacedTurns: number;
}

/** In order; an InputError in the place of a row that can't be used. */
async function encodeRows(
  rows: readonly DataRow[],
  file: string,
  { format, tokenizer }: DatasetOptions,
): Promise<readonly (Row | InputError)[]> {
  const { chatTemplate } = tokenizer;
  const texts = await renderRows(rows, { file, format, chatTemplate });
  const usable = texts.filter((text): text is RowText => !(text instanceof InputError));
  const encoded = (await encodeTexts(usable, tokenizer)).values();
  return texts.map((text, index) => {
    if (text instanceof InputError) return text;
    const row = encoded.next().value;
    if (!row) throw new Error("internal: a row came back without tokens");
    const { format: found, unplacedTurns } = text;
    return { ...row, line: rows[index]?.line ?? 0, format: found, unplacedTurns };
  });
}

class DatasetBuilder {
  readonly #file: string;
  readonly #options: DatasetOptions;
  readonly #store = new ExampleStoreBuilder();
  readonly #formats: Partial<Record<Format, number>> = {};
  readonly #truncated: number[] = [];
  readonly #dropped: number[] = [];
  readonly #withoutCounted: number[] = [];
  readonly #unplaced: number[] = [];
  #rows = 0;
  #tokens = 0;
  #counted = 0;

  constructor(file: string, options: DatasetOptions) {
    this.#file = file;
    this.#options = options;
  }

  add({ ids, counted, line, format, unplacedTurns }: Row): void {
    this.#rows++;
    this.#formats[format] = (this.#formats[format] ?? 0) + 1;
    if (this.#options.lossOn === "all") counted.fill(1);
    else if (unplacedTurns > 0) this.#unplaced.push(line);
    // The first token has nothing before it to be predicted from.
    counted[0] = 0;
    const example = { ids, counted, line };
    const { vocabSize, tokenizer } = this.#options;
    checkInVocabulary(ids, { vocabSize, tokenizer, place: `${this.#file}:${line}` });
    const fitted = fitLength(example, this.#file, this.#options);
    if (fitted === undefined) {
      this.#dropped.push(line);
      return;
    }
    if (fitted !== example) this.#truncated.push(line);
    let learnt = 0;
    for (const flag of fitted.counted) learnt += flag;
    if (learnt === 0) {
      this.#withoutCounted.push(line);
      return;
    }
    this.#store.add(fitted);
    this.#tokens += fitted.ids.length;
    this.#counted += learnt;
  }

  finish(): StoredDataset {
    const report: DatasetReport = {
      rows: this.#rows,
      formats: this.#formats,
      truncated: this.#truncated,
      dropped: this.#dropped,
      withoutCounted: this.#withoutCounted,
      unplaced: this.#unplaced,
      tokens: this.#tokens,
      countedTokens: this.#counted,
    };
    checkNotEmpty(this.#file, report, this.#options);
    return { examples: this.#store.finish(), report };
  }
}

type CountedRow = Pick<Row, "ids" | "counted" | "line">;

/** The example itself when it fits, its beginning when it is cut, undefined when it is dropped. */
function fitLength(
  example: CountedRow,
  file: string,
  { maxLength, overlong }: DatasetOptions,
): CountedRow | undefined {
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
  const { withoutCounted, dropped, truncated, unplaced } = report;
  if (dropped.length === report.rows) {
    throw new InputError(
      `${file}: all ${report.rows} rows are longer than data.maxLength ${maxLength} and were dropped`,
    );
  }
  if (unplaced.length === report.rows) {
    throw new InputError(
      `${file}: the chat template renders the answers of all ${report.rows} rows otherwise once later turns follow, so nobody can tell which tokens are theirs; use a template with {% generation %} marks, or end each row with its answer (first such line: ${unplaced[0]})`,
    );
  }
  const cut = truncated.length > 0 ? ` (${truncated.length} were cut at ${maxLength} tokens)` : "";
  throw new InputError(
    `${file}: no token counts in any of its ${report.rows} rows${cut}, so there is nothing to learn; rows need an assistant turn or a completion (first such line: ${withoutCounted[0]})`,
  );
}
