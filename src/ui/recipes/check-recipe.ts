/** What a schema can't see in a recipe: whether the files that it names are there. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { findNodeAtLocation, type Node } from "jsonc-parser";
import { jsoncTree } from "../../util/jsonc.ts";

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
  return [...findings, checkEvalTwice(root)].filter((finding) => finding !== undefined);
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
    const isGguf = /\.gguf$/i.test(file);
    return isGguf ? undefined : error(node, "A base model is a folder or a .gguf file.");
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

function checkEvalTwice(root: Node): Finding | undefined {
  const split = findNodeAtLocation(root, ["data", "evalSplit"]);
  if (split === undefined || findNodeAtLocation(root, ["data", "eval"]) === undefined) {
    return undefined;
  }
  const message = "evalSplit has no effect: the evaluation rows come from the eval file.";
  return { offset: split.offset, length: split.length, severity: "warning", message };
}

function isText(node: Node | undefined): node is Node & { value: string } {
  return node?.type === "string" && node.value !== "";
}

function error(node: Node, message: string): Finding {
  return { offset: node.offset, length: node.length, severity: "error", message };
}
