/** Recipes: JSON with comments and trailing commas, as a tree that knows where each value stands. */
import {
  type Node,
  type ParseError,
  createScanner,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { InputError } from "./errors.ts";

/** jsonc-parser calls itself for each level. */
const MAX_DEPTH = 128;

/** Undefined for a text without a value, or with one that is nested too deep; what is wrong besides is passed over. */
export function jsoncTree(text: string, errors: ParseError[] = []): Node | undefined {
  return tooDeepAt(text) === undefined
    ? parseTree(text, errors, { allowTrailingComma: true })
    : undefined;
}

/** @throws InputError `FILE:LINE: not valid JSON: …` */
export function parseJsonc(text: string, file: string): Node {
  const errors: ParseError[] = [];
  const root = jsoncTree(text, errors);
  const [error] = errors;
  if (root && !error) return root;
  const tooDeep = tooDeepAt(text);
  const isEmpty = !root && error?.offset === text.length;
  const [offset, what] =
    error && !isEmpty
      ? [error.offset, printParseErrorCode(error.error)]
      : tooDeep === undefined
        ? [0, "the file is empty"]
        : [tooDeep, `nested deeper than ${MAX_DEPTH} levels`];
  throw new InputError(`${file}:${lineAt(text, offset)}: not valid JSON: ${what}`);
}

function tooDeepAt(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    scanner.scan();
    const offset = scanner.getTokenOffset();
    if (offset >= text.length) return undefined;
    // Comments and texts are tokens too, so that no bracket in them is met here.
    const first = text[offset];
    if (first === "{" || first === "[") depth++;
    if (first === "}" || first === "]") depth--;
    if (depth > MAX_DEPTH) return offset;
  }
}

/** 1-based. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
