import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";

export interface JsonlRow {
  /** 1-based. */
  line: number;
  value: Readonly<Record<string, unknown>>;
  /** The line itself, in which numbers have their own digits still. */
  json: string;
}

/**
 * The objects of a JSON Lines file, one by one; blank lines are skipped.
 * @throws InputError naming file and line where a line is not a JSON object, or the file is missing
 */
export async function* readJsonl(file: string): AsyncGenerator<JsonlRow> {
  const input = createReadStream(file, "utf8");
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      const trimmed = (line === 1 ? text.replace(/^\uFEFF/u, "") : text).trim();
      if (trimmed !== "") yield { line, value: parseLine(trimmed, file, line), json: trimmed };
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new InputError(`data file ${file} does not exist`);
    if (hasCode(error, "EISDIR")) throw new InputError(`data file ${file} is a folder`);
    throw error;
  } finally {
    input.destroy();
  }
}

function parseLine(text: string, file: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text, file, { firstLine: line });
  } catch (error) {
    const hint =
      line === 1 && text.startsWith("[")
        ? "; the file looks like a JSON array: write one row per line"
        : "";
    throw new InputError(`${errorMessage(error)}${hint}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InputError(`${file}:${line}: expected a JSON object, found ${describe(value)}`);
  }
  return value as Record<string, unknown>;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
