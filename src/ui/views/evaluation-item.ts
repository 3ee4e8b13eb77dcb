/** An evaluation's row in the Runs view. */
import * as vscode from "vscode";
import type { EvaluationFile } from "../../runs/evaluations.ts";
import { formatWhen, shortenMiddle } from "../../util/format.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { factsTooltip } from "./markdown.ts";

/** What a side bar of default width shows beside a time. */
const MAX_NAME_CHARS = 30;

export function evaluationItem(evaluation: EvaluationFile): vscode.TreeItem {
  const { file, name, createdAt, results } = evaluation;
  const item = new vscode.TreeItem(shortenMiddle(name, MAX_NAME_CHARS));
  const names = (all: readonly string[]) => [...new Set(all)].join(", ");
  item.id = file;
  item.description = formatWhen(createdAt, Date.now());
  item.iconPath = new vscode.ThemeIcon("checklist");
  item.contextValue = "evaluation";
  item.tooltip = factsTooltip(name, [
    ["Models", names(results.map(({ model }) => model))],
    ["Data", names(results.map((result) => shortPaths(result.file)))],
    ["Made", new Date(createdAt).toLocaleString()],
    ["File", shortPaths(file)],
  ]);
  item.accessibilityInformation = { label: `Evaluation ${name}, ${item.description}` };
  item.command = { command: COMMANDS.openEvaluation, title: "Open", arguments: [file] };
  return item;
}
