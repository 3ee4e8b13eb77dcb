/** Changes one value in a recipe's text and leaves comments and layout around it alone. */
import {
  applyEdits,
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  modify,
  type Node,
} from "jsonc-parser";
import { jsoncTree } from "../../util/jsonc.ts";

const MAX_LINE_CHARS = 90;

/** @param change from the old value to the new one; undefined is none */
export function withValue(
  text: string,
  place: JSONPath,
  change: (value: unknown) => unknown,
): string {
  const root = jsoncTree(text);
  if (!root) return text;
  const node = findNodeAtLocation(root, place);
  const old: unknown = node && getNodeValue(node);
  const value = change(old);
  if (JSON.stringify(old) === JSON.stringify(value)) return text;
  if (value === undefined) return remove(text, place, node?.parent);
  const layout = layoutOf(text);
  if (node) return splice(text, node.offset, node.length, print(value, layout));
  const [key] = place;
  return insert(text, root, `${JSON.stringify(key)}: ${print(value, layout)}`);
}

interface Layout {
  indent: string;
  eol: string;
}

function layoutOf(text: string): Layout {
  return {
    indent: /\n([ \t]+)"/u.exec(text)?.[1] ?? "  ",
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}

/** On one line where that is not too long. */
function print(value: unknown, { indent, eol }: Layout): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const items = value.map((item) => JSON.stringify(item));
  const line = `[${items.join(", ")}]`;
  if (line.length <= MAX_LINE_CHARS) return line;
  return `[${items.map((item) => `${eol}${indent}${indent}${item}`).join(",")}${eol}${indent}]`;
}

/** A new key at the top: behind the method, or the base, and what a comment says of it. */
function insert(text: string, root: Node, property: string): string {
  const { indent, eol } = layoutOf(text);
  const gap = text.includes("\n") ? eol + indent : " ";
  const properties = root.children ?? [];
  const find = (key: string) => properties.find(({ children }) => children?.[0]?.value === key);
  const before = find("method") ?? find("base");
  // The last of all may or may not have a comma behind it.
  if (!before || before === properties.at(-1)) {
    const at = before?.offset ?? root.offset + 1;
    return splice(text, at, 0, `${property},${gap}`);
  }
  const end = before.offset + before.length;
  const rest =
    /^[ \t]*,(?:[ \t]*(?:\/\/[^\r\n]*|\/\*(?:(?!\*\/)[^\r\n])*\*\/)?[ \t]*(?=\r?\n))?/u.exec(
      text.slice(end),
    )?.[0];
  if (rest !== undefined) return splice(text, end + rest.length, 0, `${gap}${property},`);
  // A comment, or a new line, before the comma.
  return splice(text, end, 0, `,${gap}${property}`);
}

/** With its comma and, where it has lines of its own, with them; jsonc-parser takes comments along. */
function remove(text: string, place: JSONPath, property: Node | undefined): string {
  if (!property) return text;
  const end = property.offset + property.length;
  const comma = /^[ \t]*,/u.exec(text.slice(end))?.[0].length;
  if (comma === undefined) return applyEdits(text, modify(text, place, undefined, {}));
  const before = /\r?\n[ \t]*$/u.exec(text.slice(0, property.offset))?.[0].length ?? 0;
  const isAlone = before > 0 && /^[ \t]*\r?\n/u.test(text.slice(end + comma));
  const gap = isAlone ? 0 : (/^[ \t]+/u.exec(text.slice(end + comma))?.[0].length ?? 0);
  const start = property.offset - (isAlone ? before : 0);
  return splice(text, start, end + comma + gap - start, "");
}

function splice(text: string, offset: number, length: number, content: string): string {
  return text.slice(0, offset) + content + text.slice(offset + length);
}
