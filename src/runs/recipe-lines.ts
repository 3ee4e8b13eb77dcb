/** Where in a recipe's text a key stands, for messages about it. */
import { readFile } from "node:fs/promises";
import { type Node, findNodeAtLocation } from "jsonc-parser";
import { jsoncTree, lineAt } from "../util/jsonc.ts";

/** 1-based line of a key path, or of the nearest thing around it that the text has. */
export type LineOf = (keys: readonly PropertyKey[]) => number;

export function lineFinder(root: Node, text: string): LineOf {
  return (keys) => lineAt(text, nearestNode(root, keys).offset);
}

/** The value of a key path, or the property of the nearest thing around it that the text has. */
export function nearestNode(root: Node, keys: readonly PropertyKey[]): Node {
  const path = keys.filter((key) => typeof key !== "symbol");
  const [key = ""] = path;
  // An engine's options stand beside it or in it.
  const isInside = findNodeAtLocation(root, ["engine", key]) && !findNodeAtLocation(root, [key]);
  if (isInside) path.unshift("engine");
  for (let length = path.length; length > 0; length--) {
    const value = findNodeAtLocation(root, path.slice(0, length));
    if (value) return value.parent?.type === "property" ? value.parent : value;
  }
  return root;
}

/** What a message that begins with a recipe's key is about: "method.rank 64 is above 32 …". */
const KEY =
  /^(?:(?:method|objective|data|optimizer)\.\w+|quantization|freeze|trainFirst|trainLast)\b/u;

/**
 * A message of a run that begins with a key of its recipe, under file and line: only the text says
 * where the key stands, and the training process does not have it.
 */
export async function placedInRecipe(message: string, recipePath: string): Promise<string> {
  const [key] = KEY.exec(message) ?? [];
  const text = key === undefined ? undefined : await readFile(recipePath, "utf8").catch(() => {});
  const root = text && jsoncTree(text);
  if (!root || key === undefined) return message;
  return `${recipePath}:${lineFinder(root, text)(key.split("."))}: ${message}`;
}
