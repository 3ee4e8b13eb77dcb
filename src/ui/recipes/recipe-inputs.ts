/** What the files that a new recipe names say about good settings for it. */
import { open, readdir } from "node:fs/promises";
import path from "node:path";
import type { Classification } from "../../protocol/objectives/classification.ts";
import { type JsonObject, parseJson, readJsonObject } from "../../util/json.ts";

/** The most positions that a base model knows, or undefined where its folder does not say. */
export async function maxPositions(base: string): Promise<number | undefined> {
  const config: JsonObject = await readJsonObject(path.join(base, "config.json")).catch(() => ({}));
  const value = config["max_position_embeddings"];
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** train.jsonl, train-large.jsonl, mails-train.jsonl */
const TRAIN = /(?<=^|[-_.])train(?=[-_.\d])/i;
const EVALUATION = /(?<=^|[-_.])(eval|valid|validation|val|dev|test)(?=[-_.\d])/i;
const TEST = /(?<=^|[-_.])test(?=[-_.\d])/i;

export function isEvaluationFile(file: string): boolean {
  return EVALUATION.test(path.basename(file));
}

/** The file for evaluation that lies beside train.jsonl or mails-train.jsonl: mails-eval.jsonl and the like. */
export async function evaluationFileBeside(train: string): Promise<string | undefined> {
  return (await evaluationFilesBeside(train))[0];
}

/** All of them, the likeliest first. */
export async function evaluationFilesBeside(train: string): Promise<string[]> {
  const name = path.basename(train);
  if (!TRAIN.test(name)) return [];
  const rest = name.replace(TRAIN, "");
  const beside = await readdir(path.dirname(train)).catch(() => []);
  return (
    beside
      .filter((file) => EVALUATION.test(file) && file.replace(EVALUATION, "") === rest)
      // A test set is the last choice: it is for the end.
      .toSorted((a, b) => Number(TEST.test(a)) - Number(TEST.test(b)) || a.localeCompare(b))
      .map((file) => path.join(path.dirname(train), file))
  );
}

const COUNTED_BYTES = 32 * 2 ** 20;
const NEWLINE = 0x0a;

/**
 * Lines of a data file, about: of a large one those of its beginning, carried on to its size. Undefined
 * where lines are no rows.
 */
export async function countRows(file: string): Promise<number | undefined> {
  if (!/\.(jsonl|ndjson|csv|tsv)$/iu.test(file)) return undefined;
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(Math.min(size, COUNTED_BYTES)),
      position: 0,
    });
    const read = buffer.subarray(0, bytesRead);
    let lines = bytesRead > 0 && read[bytesRead - 1] !== NEWLINE ? 1 : 0;
    for (let at = read.indexOf(NEWLINE); at !== -1; at = read.indexOf(NEWLINE, at + 1)) lines++;
    return bytesRead === size ? lines : Math.round((lines * size) / bytesRead);
  } finally {
    await handle.close();
  }
}

const PEEK_BYTES = 64 * 1024;

type Problem = Classification["problem"];

/** What the labels of a file's first rows call for; undefined where the rows have none. */
export async function labelProblem(file: string): Promise<Problem | undefined> {
  const separator = /\.csv$/iu.test(file) ? "," : /\.tsv$/iu.test(file) ? "\t" : undefined;
  if (separator !== undefined) {
    const [header = ""] = await firstLines(file);
    const names = header.split(separator).map((name) => name.trim().replaceAll(/^"|"$/gu, ""));
    // A cell is text: several labels, or a number, are told in the recipe.
    return names.includes("text") && names.includes("label") ? "single-label" : undefined;
  }
  if (!/\.(jsonl|ndjson)$/iu.test(file)) return undefined;
  const rows = (await firstLines(file)).flatMap((line): object[] => {
    try {
      const row = parseJson(line, file);
      return typeof row === "object" && row !== null ? [row] : [];
    } catch {
      return [];
    }
  });
  const labelled = rows.filter((row) => "text" in row && ("label" in row || "labels" in row));
  if (labelled.length === 0 || labelled.length < rows.length) return undefined;
  if (labelled.every((row) => "labels" in row)) return "multi-label";
  const isFraction = (row: object): boolean =>
    "label" in row && typeof row.label === "number" && !Number.isInteger(row.label);
  return labelled.some(isFraction) ? "regression" : "single-label";
}

/** Whole lines at the file's start. */
async function firstLines(file: string): Promise<string[]> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PEEK_BYTES), 0, PEEK_BYTES, 0);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    return (bytesRead < PEEK_BYTES ? lines : lines.slice(0, -1)).filter((line) => line.trim());
  } finally {
    await handle.close();
  }
}
