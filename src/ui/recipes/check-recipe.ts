/** What a schema can't see in a recipe: whether the files that it names are there, and what contradicts what. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { findNodeAtLocation, getNodeValue, type Node } from "jsonc-parser";
import { contradictionsIn } from "../../protocol/contradictions.ts";
import { recipeSchema } from "../../protocol/recipe.ts";
import { baseContradictions } from "../../runs/base-contradictions.ts";
import { nearestNode } from "../../runs/recipe-lines.ts";
import { jsoncTree } from "../../util/jsonc.ts";
import { isOfferedFile } from "../../bases/references.ts";

export interface Finding {
  /** Place in the text, in UTF-16 units. */
  offset: number;
  length: number;
  severity: "error" | "warning";
  message: string;
}

/** @param folder the recipe's folder: its paths are relative to it */
export async function checkRecipe(text: string, folder: string): Promise<Finding[]> {
  const root = jsoncTree(text);
  if (root?.type !== "object") return [];
  const findings = await Promise.all([
    checkBase(findNodeAtLocation(root, ["base"]), folder, startsFromScratch(root)),
    checkData(findNodeAtLocation(root, ["data", "train"]), folder),
    checkData(findNodeAtLocation(root, ["data", "eval"]), folder),
  ]);
  return [
    ...findings.filter((finding) => finding !== undefined),
    ...(await contradictions(root, folder)),
  ];
}

function startsFromScratch(root: Node): boolean {
  return findNodeAtLocation(root, ["method", "init"])?.value === "random";
}

async function checkBase(
  node: Node | undefined,
  folder: string,
  fromScratch: boolean,
): Promise<Finding | undefined> {
  if (!isText(node)) return undefined;
  const file = path.resolve(folder, node.value);
  const info = await stat(file).catch(() => undefined);
  if (info === undefined) {
    return error(node, `There is no base model at ${file}. Paths are relative to the recipe.`);
  }
  if (!info.isDirectory()) {
    return isOfferedFile(file)
      ? undefined
      : error(node, "A base model is a folder or a .gguf file.");
  }
  const config = await stat(path.join(file, "config.json")).catch(() => undefined);
  if (config === undefined) return error(node, `${file} has no config.json: it is no base model.`);
  const needed = fromScratch
    ? ["tokenizer.json"]
    : ["model.safetensors", "model.safetensors.index.json"];
  const present = await Promise.all(
    needed.map((name) => stat(path.join(file, name)).catch(() => undefined)),
  );
  if (present.some((found) => found !== undefined)) return undefined;
  return error(node, `${file} has no ${needed.join(" and no ")}.`);
}

async function checkData(node: Node | undefined, folder: string): Promise<Finding | undefined> {
  if (!isText(node)) return undefined;
  const file = path.resolve(folder, node.value);
  const info = await stat(file).catch(() => undefined);
  if (info === undefined) {
    return error(node, `There is no file at ${file}. Paths are relative to the recipe.`);
  }
  if (info.isDirectory()) return error(node, `${file} is a folder; name a file in it.`);
  return info.size === 0 ? error(node, `${file} is empty.`) : undefined;
}

/** What one key says against another. A recipe that is not whole yet is the schema's to mark. */
async function contradictions(root: Node, folder: string): Promise<Finding[]> {
  const parsed = recipeSchema.safeParse(getNodeValue(root));
  if (!parsed.success) return [];
  const ofBase = await baseContradictions(parsed.data, path.resolve(folder, parsed.data.base));
  return [...contradictionsIn(parsed.data), ...ofBase].map(({ keys, message }) =>
    error(nearestNode(root, keys), message),
  );
}

function isText(node: Node | undefined): node is Node & { value: string } {
  return node?.type === "string" && node.value !== "";
}

function error(node: Node, message: string): Finding {
  return { offset: node.offset, length: node.length, severity: "error", message };
}
