/** Rows of text with labels, to classify: {"text", "label"} or, for several labels a row, {"text", "labels"}. */
import type { Classification } from "../protocol/objectives/classification.ts";
import { InputError } from "../util/errors.ts";
import type { StoredDataset } from "./dataset-file.ts";
import type { DatasetReport } from "./dataset-report.ts";
import { ExampleStoreBuilder, type FlaggedRow } from "./example-store.ts";
import type { Example, Examples } from "./example.ts";
import { readRows } from "./rows/read-rows.ts";
import type { DataRow } from "./rows/row.ts";
import { inBatches } from "./row-batches.ts";
import { cachedDataset } from "./token-cache.ts";
import { type Tokenizer, checkInVocabulary } from "./tokenizer.ts";

type Problem = Classification["problem"];

/** The one output of regression, as transformers names it. */
const NUMBER = "LABEL_0";

/**
 * All labels of a file, sorted (class numbers as numbers): row k of the head is the k-th.
 * @throws InputError naming file and line of a row without a label, or when there are fewer than two
 */
export async function readLabels(file: string, problem: Problem): Promise<string[]> {
  if (problem === "regression") return [NUMBER];
  const labels = new Set<string>();
  for await (const row of readRows(file)) {
    for (const label of namesOf(row, file, problem)) labels.add(label);
  }
  const least = problem === "multi-label" ? 1 : 2;
  if (labels.size < least) {
    throw new InputError(
      `${file} has ${labels.size} different labels; classification needs at least ${least}`,
    );
  }
  const areNumbers = [...labels].every((label) => /^\d+$/u.test(label));
  return [...labels].toSorted((a, b) => (areNumbers ? Number(a) - Number(b) : a < b ? -1 : 1));
}

export interface LabelledOptions {
  tokenizer: Tokenizer;
  /** The number of rows of the model's embeddings. */
  vocabSize: number;
  problem: Problem;
  labels: readonly string[];
  /** Longest row in tokens. */
  maxLength: number;
  overlong: "truncate" | "drop" | "error";
}

export interface LabelledRows {
  examples: readonly Example[];
  /** What was read, in words, for the log. */
  report: readonly string[];
}

/** @throws InputError naming file and line: no text, no label, or one that is not among `labels` */
export async function loadLabelledRows(
  file: string,
  options: LabelledOptions,
): Promise<LabelledRows> {
  const examples: Example[] = [];
  const counts = new Map<string, number>();
  let [rows, cut, dropped] = [0, 0, 0];
  const tokens = await tokensOf(file, options);
  for await (const row of readRows(file)) {
    const found = tokens.at(rows++);
    if (found?.line !== row.line) throw new InputError(`${file} changed while it was read`);
    const example = labelled(row, found.ids, { file, ...options });
    for (const label of options.problem === "regression"
      ? []
      : namesOf(row, file, options.problem)) {
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const isLong = example.ids.length > options.maxLength;
    if (isLong && options.overlong === "error") {
      throw new InputError(
        `${file}:${row.line}: the row has ${example.ids.length} tokens, data.maxLength is ${options.maxLength}; shorten it, raise maxLength, or set data.overlong to "truncate" or "drop"`,
      );
    }
    if (isLong && options.overlong === "drop") dropped++;
    else {
      cut += isLong ? 1 : 0;
      examples.push(weighedRow(example, options.maxLength));
    }
  }
  if (examples.length === 0) {
    const why = dropped > 0 ? `: all ${rows} are longer than data.maxLength` : "";
    throw new InputError(`${file} has no usable rows${why}`);
  }
  const shares = [...counts].map(([label, count]) => `${count} ${label}`);
  const note = (count: number, what: string): string[] =>
    count > 0 ? [`  ${count} rows ${what}`] : [];
  return {
    examples,
    report: [
      `${file}: ${rows} rows${shares.length > 0 ? ` (${shares.join(", ")})` : ""}`,
      ...note(cut, "cut to data.maxLength"),
      ...note(dropped, "dropped as longer than data.maxLength"),
    ],
  };
}

/**
 * Texts whose label is asked for, cut to `maxLength` tokens.
 * @throws InputError naming the place of a text that has no token
 */
export async function unlabelledExamples(
  texts: readonly { text: string; place: string }[],
  {
    tokenizer,
    vocabSize,
    maxLength,
  }: Pick<LabelledOptions, "tokenizer" | "vocabSize" | "maxLength">,
): Promise<Example[]> {
  const named = texts.map((each) => ({ ...each, name: "the text" }));
  return (await idsOf(named, { tokenizer, vocabSize })).map((ids, index) => {
    // Some label makes it a row of a classifier; its loss means nothing.
    return weighedRow({ ids, line: index + 1, label: 0 }, maxLength);
  });
}

/** @throws InputError naming the place of a text that has no token, or one outside the vocabulary */
async function idsOf(
  texts: readonly { text: string; place: string; name: string }[],
  { tokenizer, vocabSize }: Pick<LabelledOptions, "tokenizer" | "vocabSize">,
): Promise<Int32Array[]> {
  const encoded = await tokenizer.encodeBatch(texts.map(({ text }) => text));
  return texts.map(({ place, name }, index) => {
    const ids = Int32Array.from(encoded[index]?.ids ?? []);
    if (ids.length === 0) throw new InputError(`${place}: ${name} has no token`);
    checkInVocabulary(ids, { vocabSize, tokenizer, place });
    return ids;
  });
}

/** Tokens of each row, whole, made or found in the cache: labels cost no more than reading the file. */
async function tokensOf(file: string, options: LabelledOptions): Promise<Examples> {
  const { tokenizer, vocabSize } = options;
  const sources = { data: file, tokenizer: tokenizer.sources, options: { texts: true, vocabSize } };
  const { examples } = await cachedDataset(sources, () => tokenise(file, options));
  return examples;
}

async function tokenise(
  file: string,
  options: Pick<LabelledOptions, "tokenizer" | "vocabSize">,
): Promise<StoredDataset> {
  const store = new ExampleStoreBuilder();
  const encode = (batch: readonly DataRow[]) => encodeRows(batch, file, options);
  for await (const batch of inBatches(readRows(file), encode)) {
    for (const example of batch) store.add(example);
  }
  return { examples: store.finish(), report: NO_REPORT };
}

/** What is told of labelled rows depends on their labels, which are not kept. */
const NO_REPORT: DatasetReport = {
  rows: 0,
  formats: {},
  tokens: 0,
  countedTokens: 0,
  truncated: [],
  dropped: [],
  withoutCounted: [],
  unplaced: [],
};

async function encodeRows(
  rows: readonly DataRow[],
  file: string,
  options: Pick<LabelledOptions, "tokenizer" | "vocabSize">,
): Promise<readonly FlaggedRow[]> {
  const texts = rows.map(({ value: { text }, line }) => {
    const place = `${file}:${line}`;
    if (typeof text === "string" && text !== "") return { text, place, name: '"text"', line };
    throw new InputError(`${place}: "text" is missing or empty; expected a text`);
  });
  const ids = await idsOf(texts, options);
  return ids.map((own, index) => {
    return { ids: own, counted: new Uint8Array(own.length), line: texts[index]?.line ?? 0 };
  });
}

function labelled(
  row: DataRow,
  ids: Int32Array,
  { file, problem, labels }: LabelledOptions & { file: string },
): UnweighedRow {
  if (problem === "regression") return { ids, line: row.line, label: numberOf(row, file) };
  const classes = namesOf(row, file, problem).map((name) => {
    const index = labels.indexOf(name);
    if (index !== -1) return index;
    throw new InputError(
      `${file}:${row.line}: label ${JSON.stringify(name)} is none of those that are trained: ${listed(labels)}; mend the row, or add such rows to the training data`,
    );
  });
  const label = problem === "multi-label" ? classes : (classes[0] ?? 0);
  return { ids, line: row.line, label };
}

type UnweighedRow = Omit<Example, "weights">;

/** At most `maxLength` tokens; the row weighs one, which its last token stands for. */
function weighedRow(row: UnweighedRow, maxLength: number): Example {
  const ids = row.ids.subarray(0, maxLength);
  const weights = new Float32Array(ids.length);
  weights[ids.length - 1] = 1;
  return { ...row, ids, weights };
}

/** The row's label names, one unless `problem` allows several. */
function namesOf({ line, value }: DataRow, file: string, problem: Problem): string[] {
  if (problem === "multi-label") {
    const { labels } = value;
    const names = Array.isArray(labels) ? labels.map(nameOf) : [undefined];
    const whole = names.filter((name) => name !== undefined);
    if (whole.length === names.length) return [...new Set(whole)];
    throw new InputError(`${file}:${line}: "labels" must be a list of label names`);
  }
  const name = nameOf(value["label"]);
  if (name !== undefined) return [name];
  throw new InputError(
    `${file}:${line}: "label" is missing or no name; expected a row like {"text": "…", "label": "spam"}`,
  );
}

function nameOf(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function numberOf({ line, value }: DataRow, file: string): number {
  const { label } = value;
  if (typeof label === "number") return label;
  throw new InputError(`${file}:${line}: "label" must be a number for regression`);
}

const MAX_LISTED = 8;

function listed(labels: readonly string[]): string {
  const more = labels.length - MAX_LISTED;
  return `${labels.slice(0, MAX_LISTED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
