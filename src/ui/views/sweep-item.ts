/** A sweep's row in the Runs view. */
import * as vscode from "vscode";
import { isActive, isLive } from "../../runs/run-status.ts";
import type { Sweep } from "../../runs/sweeps/sweep.ts";
import { formatDuration, shortenMiddle } from "../../util/format.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { describeSweep, pointsText } from "../sweep-text.ts";
import { factsTooltip } from "./markdown.ts";

/** What a side bar of default width shows beside an alpha and a time. */
const MAX_NAME_CHARS = 22;

export function sweepItem(sweep: Sweep): vscode.TreeItem {
  const item = new vscode.TreeItem(shortenMiddle(sweep.name, MAX_NAME_CHARS));
  const description = shortPaths(describeSweep(sweep));
  item.id = sweep.dir;
  item.description = description;
  item.iconPath = sweepIcon(sweep);
  item.contextValue = ["sweep", ...sweepAbilities(sweep)].join(" ");
  item.tooltip = sweepTooltip(sweep);
  item.accessibilityInformation = { label: `${sweep.name}, ${sweep.status}, ${description}` };
  item.command = { command: COMMANDS.openSweep, title: "Open", arguments: [sweep.dir] };
  return item;
}

/** Words in the row's context value: package.json shows a command where its word stands. */
export function sweepAbilities({ status, problem, points }: Sweep): string[] {
  const isStoppable = isActive(status);
  const isContinuable =
    problem === undefined && ["queued", "stopped", "failed", "interrupted"].includes(status);
  return [
    ...(isStoppable ? ["stoppable"] : []),
    ...(isContinuable ? ["resumable"] : []),
    ...(isLive(status) ? [] : ["deletable"]),
    ...(points.length > 0 ? ["hasPoints"] : []),
  ];
}

function sweepIcon({ status, problem }: Sweep): vscode.ThemeIcon {
  const icon = (id: string, color: string) =>
    new vscode.ThemeIcon(id, new vscode.ThemeColor(color));
  if (problem !== undefined || status === "interrupted") {
    return icon("warning", "list.warningForeground");
  }
  switch (status) {
    case "queued":
    case "stopped":
      return icon("beaker", "descriptionForeground");
    case "starting":
    case "running":
    case "stopping":
      return icon("sync~spin", "charts.blue");
    case "finished":
      return icon("beaker", "testing.iconPassed");
    case "failed":
      return icon("error", "testing.iconFailed");
  }
}

function sweepTooltip(sweep: Sweep): vscode.MarkdownString {
  const { state, definition } = sweep;
  return factsTooltip(sweep.name, [
    ["State", sweep.status],
    ["Problem", shortPaths(sweep.problem ?? state?.message ?? "")],
    ["Measured", pointsText(sweep)],
    ["Base (alpha 0)", definition?.base],
    ["Fine-tune (alpha 1)", definition?.tuned],
    ["Adapter", definition?.adapter],
    ["Data", definition?.data.map(({ name, role }) => `${name} (${role})`).join(", ")],
    ["Computed for", state?.elapsedMs === undefined ? undefined : formatDuration(state.elapsedMs)],
    ["Created", definition && new Date(definition.createdAt).toLocaleString()],
    ["Folder", sweep.dir],
  ]);
}
