/** A .json file: an array of objects, or JSON Lines under another name, as Hugging Face's datasets reads both. */
import { InputError } from "../../util/errors.ts";
import { endOfString } from "../../util/json-parser.ts";
import { parseJson } from "../../util/json.ts";
import { readJsonLines } from "./json-lines.ts";
import { type DataRow, rowOfJson } from "./row.ts";
import { textBlocks } from "./text-blocks.ts";

/** @throws InputError naming file, line and column */
export async function* readJsonArray(file: string): AsyncGenerator<DataRow> {
  let text = "";
  for await (const block of textBlocks(file)) {
    // Rows that begin with an object stand one a line: they need not be held at once.
    if (text === "" && block.text.trimStart().startsWith("{")) {
      yield* readJsonLines(file);
      return;
    }
    text += block.text;
  }
  const start = text.length - text.trimStart().length;
  if (text[start] !== "[") {
    parseJson(text, file);
    throw new InputError(
      `${file} holds no rows: expected an array of objects, or an object a line`,
    );
  }
  yield* elementsOf(text, start, file);
}

/** The objects of the array that begins at `start`, each with its own text. */
function* elementsOf(text: string, start: number, file: string): Generator<DataRow> {
  let line = countNewlines(text, 0, start) + 1;
  let from = start + 1;
  for (;;) {
    const to = endOfElement(text, from);
    // What is wrong beyond the elements is said by who reads the whole.
    if (to < 0) return void parseJson(text, file);
    const element = text.slice(from, to);
    const json = element.trim();
    const lead = element.length - element.trimStart().length;
    line += countNewlines(element, 0, lead);
    const isLast = text[to] === "]";
    if (json !== "") yield rowOfJson(json, file, line);
    else if (!isLast || from > start + 1) return void parseJson(text, file);
    if (isLast) {
      if (text.slice(to + 1).trim() !== "") parseJson(text, file);
      return;
    }
    line += countNewlines(element, lead, element.length);
    from = to + 1;
  }
}

/** Where the comma or bracket stands that ends the element at `from`; negative where none does. */
function endOfElement(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
      if (at < 0) return at;
    } else if (character === "{" || character === "[") depth++;
    else if (depth === 0 && (character === "," || character === "]")) return at;
    else if (character === "}" || character === "]") depth--;
  }
  return -1;
}

function countNewlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at !== -1 && at < to; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}
