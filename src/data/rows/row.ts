/** A row of a data file, whatever kind of file it is from. */
import { InputError } from "../../util/errors.ts";
import { type JsonObject, isJsonObject, parseJson } from "../../util/json.ts";

export interface DataRow {
  /** 1-based: of the line where it begins, or of the row where the file has no lines. */
  line: number;
  value: JsonObject;
  /** The row as JSON, in which numbers have their own digits still. */
  json: string;
}

/** Yields the rows of a file in order. @throws InputError naming file and line */
export type RowReader = (file: string) => AsyncGenerator<DataRow>;

/** @throws InputError naming file, line and column for what is not a JSON object */
export function rowOfJson(json: string, file: string, line: number): DataRow {
  const value = parseJson(json, file, { firstLine: line });
  if (isJsonObject(value)) return { line, value, json };
  const found = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
  throw new InputError(`${file}:${line}: expected a JSON object, found ${found}`);
}
