/** JSON Lines: an object a line. Only a newline ends a line: U+2028 and its like are text, as JSON has it. */
import { InputError, errorMessage } from "../../util/errors.ts";
import { type DataRow, rowOfJson } from "./row.ts";
import { textBlocks } from "./text-blocks.ts";

/** Blank lines are skipped. @throws InputError naming file, line and column */
export async function* readJsonLines(file: string): AsyncGenerator<DataRow> {
  for await (const { text, firstLine } of textBlocks(file)) {
    let line = firstLine;
    for (const each of text.split("\n")) {
      const json = each.trim();
      if (json !== "") yield rowOf(json, file, line);
      line++;
    }
  }
}

function rowOf(json: string, file: string, line: number): DataRow {
  try {
    return rowOfJson(json, file, line);
  } catch (error) {
    if (line !== 1 || !json.startsWith("[")) throw error;
    throw new InputError(
      `${errorMessage(error)}; the file looks like a JSON array: name it .json, or write one row per line`,
      { cause: error },
    );
  }
}
