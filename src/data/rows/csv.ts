/** Comma- and tab-separated values (RFC 4180) with a header line. Every cell is text. */
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { CsvError, parse } from "csv-parse";
import * as z from "zod";
import { InputError } from "../../util/errors.ts";
import { parseJson } from "../../util/json.ts";
import type { DataRow } from "./row.ts";
import { textBlocks } from "./text-blocks.ts";

/** Columns that are no text: what a cell holds of them is JSON. */
const JSON_COLUMNS: ReadonlySet<string> = new Set(["messages", "conversations", "tools", "labels"]);

const parsedSchema = z.object({
  record: z.record(z.string(), z.string()),
  info: z.object({ lines: z.int() }),
});

/** @throws InputError naming file and line of a row that does not fit the header, or of an open quote */
export async function* readSeparated(file: string, delimiter: string): AsyncGenerator<DataRow> {
  const parser = parse({
    delimiter,
    columns: (names: string[]) => checkedHeader(names, file),
    info: true,
    skipEmptyLines: true,
    relaxQuotes: delimiter === "\t",
  });
  const source = Readable.from(textsOf(file));
  const feeding = pipeline(source, parser);
  // It is awaited at the end; until then a failure is the parser's.
  feeding.catch(() => {});
  let line = 2;
  try {
    for await (const parsed of parser) {
      const { record, info } = parsedSchema.parse(parsed);
      yield rowOf(record, file, line);
      line = info.lines + 1;
    }
    await feeding;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError(`${file}:${line}: ${error.message}`, { cause: error });
  } finally {
    source.destroy();
    parser.destroy();
  }
}

async function* textsOf(file: string): AsyncGenerator<string> {
  for await (const { text } of textBlocks(file)) yield text;
}

function checkedHeader(names: readonly string[], file: string): string[] {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new InputError(`${file}:1: two columns are named ${name}`);
    seen.add(name);
  }
  return [...names];
}

function rowOf(record: Readonly<Record<string, string>>, file: string, line: number): DataRow {
  const fields = Object.entries(record).map(([name, cell]): { value: unknown; json: string } => {
    const isJson = JSON_COLUMNS.has(name) && /^\s*[[{]/u.test(cell);
    return isJson
      ? { value: parseJson(cell, file, { firstLine: line }), json: cell }
      : { value: cell, json: JSON.stringify(cell) };
  });
  const names = Object.keys(record);
  return {
    line,
    value: Object.fromEntries(names.map((name, index) => [name, fields[index]?.value])),
    json: `{${names.map((name, index) => `${JSON.stringify(name)}:${fields[index]?.json}`).join(",")}}`,
  };
}
