/** Models → method → its one number → output folder; `retune merge` does the work and can be cancelled. */
import path from "node:path";
import * as vscode from "vscode";
import type { App } from "../app.ts";
import { requireTrust } from "../trust.ts";
import { describeModel } from "../views/models-tree.ts";
import { askOutput } from "./ask-output.ts";
import { baseOf, pickBase } from "./pick-base.ts";
import { writeModel } from "./write-model.ts";

const TITLE = "Merge Models";

interface MethodItem extends vscode.QuickPickItem {
  method: string;
  /** Task vectors are differences to a base that is none of the models. */
  needsBase: boolean;
}

const METHODS: readonly MethodItem[] = [
  item("linear", "weighted mean", "Any number of models of one architecture."),
  item("slerp", "along the arc between two models", "Two models."),
  item("task-arithmetic", "base plus weighted task vectors", "arXiv 2212.04089", true),
  item("ties", "task vectors trimmed, signs elected", "arXiv 2306.01708", true),
  item("dare-linear", "task vectors thinned at random", "arXiv 2311.03099", true),
  item("dare-ties", "thinned at random, signs elected", "arXiv 2311.03099", true),
  item("model-soup", "plain mean of fine-tunes", "arXiv 2203.05482"),
];

function item(method: string, description: string, detail: string, needsBase = false): MethodItem {
  return { label: method, method, description, detail, needsBase };
}

/** @returns the merged model's folder; undefined when cancelled */
export async function mergeModels(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const models = await pickModels(app, baseOf(argument));
  if (models === undefined) return undefined;
  const method = await vscode.window.showQuickPick(
    METHODS.filter((each) => each.method !== "slerp" || models.length === 2),
    { title: TITLE, placeHolder: `Merge ${models.length} models by which method?` },
  );
  if (method === undefined) return undefined;
  const options = await askOptions(app, method, models.length);
  if (options === undefined) return undefined;
  const [first = ""] = models;
  const out = await askOutput({
    title: TITLE,
    prompt: "Folder for the merged model; it must not exist yet",
    name: `${models.map((model) => path.basename(model)).join("-")}-${method.method}`,
    beside: first,
  });
  if (out === undefined) return undefined;
  const isWritten = await writeModel(app, {
    title: `Merging ${models.length} models`,
    args: ["merge", ...models, "--method", method.method, ...options, "--out", out],
    message: `Merged: ${path.basename(out)} is a whole model now.`,
  });
  return isWritten ? out : undefined;
}

async function pickModels(app: App, first: string | undefined): Promise<string[] | undefined> {
  const models = (await app.models.entries()).filter(({ summary }) => summary !== undefined);
  const items = models.map((model) => ({
    label: model.label,
    description: describeModel(model),
    picked: model.path === first,
    path: model.path,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: TITLE,
    placeHolder:
      "Merge which models? Two or more of one architecture; a base for task vectors comes later.",
    canPickMany: true,
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  if (chosen === undefined) return undefined;
  if (chosen.length >= 2) return chosen.map((each) => each.path);
  void vscode.window.showWarningMessage("A merge needs two models or more: nothing was merged.");
  return undefined;
}

/** What the method is told besides its models. */
async function askOptions(
  app: App,
  { method, needsBase }: MethodItem,
  count: number,
): Promise<string[] | undefined> {
  if (method === "model-soup") return [];
  const base = needsBase ? await pickBase(app, `${TITLE}: the base of the task vectors`) : "";
  if (base === undefined) return undefined;
  const ofBase = base === "" ? [] : ["--base", base];
  if (method === "slerp") {
    const t = await askNumbers("t: 0 is the first model, 1 the second", "0.5", 1);
    return t && ["--t", ...t];
  }
  const proposal = Array.from({ length: count }, () => "1").join(" ");
  const prompt = "Weights, one for each model, with spaces between";
  const weights = await askNumbers(prompt, proposal, count);
  return weights && [...ofBase, ...weights.flatMap((weight) => ["--weight", weight])];
}

async function askNumbers(
  prompt: string,
  value: string,
  count: number,
): Promise<string[] | undefined> {
  const split = (text: string): string[] => text.trim().split(/\s+/u);
  const text = await vscode.window.showInputBox({
    title: TITLE,
    prompt,
    value,
    ignoreFocusOut: true,
    validateInput: (typed) => {
      const numbers = split(typed);
      const isFine =
        numbers.length === count && numbers.every((each) => Number.isFinite(Number(each)));
      const expected = count === 1 ? "One number" : `${count} numbers`;
      return isFine && typed.trim() !== "" ? undefined : `${expected}, please; found "${typed}".`;
    },
  });
  return text === undefined ? undefined : split(text);
}
