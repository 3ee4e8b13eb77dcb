import assert from "node:assert/strict";
import { parse, type ParseError } from "jsonc-parser";

/** What a recipe's text says, as VS Code reads it: comments and a comma at the end are allowed. */
export function parseJsoncValue(text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  assert.deepEqual(errors, [], text);
  return value;
}
