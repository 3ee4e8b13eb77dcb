import { readFile } from "node:fs/promises";
import path from "node:path";
import { InputError, errorMessage, hasCode } from "../util/errors.ts";

/** @throws InputError naming the folder without the file, or the file that is not a JSON object */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) {
      throw new InputError(`${path.dirname(file)} has no ${path.basename(file)}`);
    }
    throw new InputError(`${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  });
  return parseJsonObject(text, file);
}

/** @throws InputError of one line; the parser's own message quotes the text, line breaks and all */
function parseJsonObject(text: string, name: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    const reason = errorMessage(error).replaceAll(/\s+/g, " ");
    throw new InputError(`${name} is not JSON: ${reason}`, { cause: error });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new InputError(`${name} holds ${JSON.stringify(json).slice(0, 40)}, expected an object`);
  }
  return json as Record<string, unknown>;
}
