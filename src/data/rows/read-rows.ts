/** Every kind of data file that rows are read from, told apart by its name. */
import { InputError } from "../../util/errors.ts";
import { DATA_ENDINGS } from "../../protocol/data-files.ts";
import { readSeparated } from "./csv.ts";
import { readJsonArray } from "./json-array.ts";
import { readJsonLines } from "./json-lines.ts";
import { readParquet } from "./parquet.ts";
import type { DataRow, RowReader } from "./row.ts";

const READERS: Readonly<Record<(typeof DATA_ENDINGS)[number], RowReader>> = {
  jsonl: readJsonLines,
  ndjson: readJsonLines,
  json: readJsonArray,
  csv: (file) => readSeparated(file, ","),
  tsv: (file) => readSeparated(file, "\t"),
  parquet: readParquet,
};

/** What says nothing of its kind is taken for the usual one. */
const UNSAID = /(?:^|[\\/])[^.\\/]+$|\.txt$/u;

/**
 * The rows of a data file, one by one, in its order. `.gz` behind the name of a text file is unzipped.
 * @throws InputError naming file and line of what can't be read, or the kinds that there are
 */
export async function* readRows(file: string): AsyncGenerator<DataRow> {
  const name = file.toLowerCase().replace(/\.gz$/u, "");
  const ending = UNSAID.test(name)
    ? DATA_ENDINGS[0]
    : DATA_ENDINGS.find((each) => name.endsWith(`.${each}`));
  if (ending === undefined) {
    const kinds = DATA_ENDINGS.map((each) => `.${each}`).join(", ");
    throw new InputError(
      `${file}: no kind of data has this ending; there are ${kinds}, text also with .gz behind it`,
    );
  }
  yield* READERS[ending](file);
}
