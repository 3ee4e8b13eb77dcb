/**
 * The one reader of JSON, of our own files and of foreign ones: UTF-8 with or without a byte order mark, of
 * two keys alike the last (as Python's json), NaN and Infinity as Python writes them, nested no deeper than
 * whoever walks the value can go, and errors with line and column.
 */
import { constants } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type * as z from "zod";
import { InputError, errorMessage, hasCode } from "./errors.ts";
import { endOfString, parseSlowly } from "./json-parser.ts";
import { decodeUtf8 } from "./utf8.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Real files have some ten; serde_json, which reads tokenizer.json and safetensors headers, ends at 128. */
const MAX_DEPTH = 128;

export interface JsonOptions {
  /** The line at which the text begins in its file, 1 unless given. */
  firstLine?: number;
  /** What a number becomes, from the text that stands there; left out: a JavaScript number. */
  number?: (text: string) => unknown;
}

/**
 * @param name of the file, for messages
 * @throws InputError `NAME:LINE:COLUMN: not valid JSON: …`
 */
export function parseJson(text: string, name: string, options: JsonOptions = {}): unknown {
  const json = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (!options.number && nestsAtMost(json, MAX_DEPTH)) {
    try {
      return JSON.parse(json);
    } catch {
      // NaN, or an error of which the slow parser knows the place.
    }
  }
  return parseSlowly(json, { name, maxDepth: MAX_DEPTH, firstLine: 1, ...options });
}

/** @throws InputError as `parseJson`, or for another value than an object */
export function parseJsonObject(text: string, name: string, options?: JsonOptions): JsonObject {
  return asObject(parseJson(text, name, options), name);
}

function asObject(json: unknown, name: string): JsonObject {
  if (isJsonObject(json)) return json;
  const found = JSON.stringify(json) ?? String(json);
  throw new InputError(`${name} holds ${found.slice(0, 40)}, expected an object`);
}

/** @throws InputError naming the file that is missing, unreadable, not UTF-8 or not JSON, and the place in it */
export async function readJson(file: string): Promise<unknown> {
  const json = await readJsonIfThere(file);
  if (json) return json.value;
  throw new InputError(`${path.dirname(file)} has no ${path.basename(file)}`);
}

/** @throws InputError as `readJson`, or for another value than an object */
export async function readJsonObject(file: string): Promise<JsonObject> {
  return asObject(await readJson(file), file);
}

/** Undefined where there is no such file. @throws InputError as `readJsonObject` */
export async function readJsonObjectIfThere(file: string): Promise<JsonObject | undefined> {
  const json = await readJsonIfThere(file);
  return json && asObject(json.value, file);
}

/** Undefined where there is no such file. @throws InputError as `readJson` */
export async function readJsonIfThere(file: string): Promise<{ value: unknown } | undefined> {
  const text = await readJsonTextIfThere(file);
  return text === undefined ? undefined : { value: parseJson(text, file) };
}

/**
 * Undefined where there is no such file; without a byte order mark.
 * @throws InputError naming the file that can't be read, or the byte that is not UTF-8
 */
export async function readJsonTextIfThere(file: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    const found = await stat(file);
    // Opening a pipe would wait for who writes to it.
    if (!found.isFile()) throw new InputError("it is not a file");
    if (found.size > constants.MAX_STRING_LENGTH) {
      throw new InputError(`${(found.size / 1e6).toFixed(0)} MB are too much for JSON`);
    }
    bytes = await readFile(file);
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw new InputError(`${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  return decodeUtf8(bytes, file);
}

/** @throws InputError `NAME: KEY: what is wrong with it` */
export function checkJson<T>(json: unknown, schema: z.ZodType<T>, name: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new InputError(`${name}: ${issueText(parsed.error)}`);
}

/** The first thing that is wrong, in one line. */
export function issueText({ issues: [issue] }: Pick<z.ZodError, "issues">): string {
  const place = issue?.path.map(String).join(".") ?? "";
  const message = (issue?.message ?? "does not fit").replaceAll(/\s+/gu, " ");
  return place === "" ? message : `${place}: ${message}`;
}

/** Passes over strings without looking into them. */
function nestsAtMost(text: string, limit: number): boolean {
  // So short a text can't.
  if (text.length <= limit) return true;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = endOfString(text, at);
      if (at < 0) return true;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return false;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return true;
}
