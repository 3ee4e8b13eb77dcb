/** A JSON file of a folder of ours, read without throwing: what can't be used becomes a problem, in one line. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type * as z from "zod";
import { errorMessage, hasCode } from "../util/errors.ts";

/** undefined: there is no such file. */
export type Read<T> = { value: T } | { problem: string } | undefined;

export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<Read<T>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    return { problem: `${path.basename(file)} can't be read: ${errorMessage(error)}` };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { problem: `${path.basename(file)} is not JSON: ${errorMessage(error)}` };
  }
  const result = schema.safeParse(json);
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  const place = issue?.path.map(String).join(".") ?? "";
  const at = place === "" ? "" : ` at ${place}`;
  return { problem: `${path.basename(file)} does not fit${at}: ${issue?.message ?? "unknown"}` };
}

export function problemOf(name: string, read: Read<unknown>): string | undefined {
  if (read === undefined) return `${name} is missing`;
  return "problem" in read ? read.problem : undefined;
}

export function valueOf<T>(read: Read<T>): T | undefined {
  return read !== undefined && "value" in read ? read.value : undefined;
}
