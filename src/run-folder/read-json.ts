/** A JSON file of a folder of ours: read without throwing, what can't be used becomes a problem, in one line. */
import path from "node:path";
import type * as z from "zod";
import { InputError, errorMessage } from "../util/errors.ts";
import { checkJson, readJsonIfThere } from "../util/json.ts";

/** undefined: there is no such file. */
export type Read<T> = { value: T } | { problem: string } | undefined;

export function readJson<T>(file: string, schema: z.ZodType<T>): Promise<Read<T>> {
  return readJsonAs(file, (json) => checkJson(json, schema, file));
}

/** @param parse throws InputError for what can't be used */
export async function readJsonAs<T>(
  file: string,
  parse: (json: unknown, file: string) => T,
): Promise<Read<T>> {
  try {
    const json = await readJsonIfThere(file);
    return json && { value: parse(json.value, file) };
  } catch (error) {
    // The folder is known to whoever reads this.
    return { problem: errorMessage(error).replace(file, path.basename(file)) };
  }
}

export function problemOf(name: string, read: Read<unknown>): string | undefined {
  if (read === undefined) return `${name} is missing`;
  return "problem" in read ? read.problem : undefined;
}

export function valueOf<T>(read: Read<T>): T | undefined {
  return read !== undefined && "value" in read ? read.value : undefined;
}

/** @throws InputError naming file and key; @param what the folder should be: "a run folder" */
export async function readChecked<T>(file: string, schema: z.ZodType<T>, what: string): Promise<T> {
  const json = await readJsonIfThere(file);
  if (!json) throw new InputError(`${file} does not exist: not ${what}`);
  return checkJson(json.value, schema, file);
}
