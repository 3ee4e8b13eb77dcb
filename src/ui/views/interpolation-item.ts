/** An interpolation's row in the Runs view. */
import * as vscode from "vscode";
import type { Interpolation } from "../../runs/interpolations/interpolation.ts";
import { formatDuration, shortenMiddle } from "../../util/format.ts";
import { COMMANDS } from "../command-ids.ts";
import { shortPaths } from "../short-paths.ts";
import { describeInterpolation, pointsText } from "../interpolation-text.ts";
import { interpolationAbilities } from "./abilities.ts";
import { factsTooltip } from "./markdown.ts";

/** What a side bar of default width shows beside an alpha and a time. */
const MAX_NAME_CHARS = 22;

export function interpolationItem(interpolation: Interpolation): vscode.TreeItem {
  const item = new vscode.TreeItem(shortenMiddle(interpolation.name, MAX_NAME_CHARS));
  const description = shortPaths(describeInterpolation(interpolation));
  item.id = interpolation.dir;
  item.description = description;
  item.iconPath = interpolationIcon(interpolation);
  item.contextValue = ["interpolation", ...interpolationAbilities(interpolation)].join(" ");
  item.tooltip = interpolationTooltip(interpolation);
  item.accessibilityInformation = {
    label: `${interpolation.name}, ${interpolation.status}, ${description}`,
  };
  item.command = {
    command: COMMANDS.openInterpolation,
    title: "Open",
    arguments: [interpolation.dir],
  };
  return item;
}

function interpolationIcon({ status, problem }: Interpolation): vscode.ThemeIcon {
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

function interpolationTooltip(interpolation: Interpolation): vscode.MarkdownString {
  const { state, definition } = interpolation;
  return factsTooltip(interpolation.name, [
    ["State", interpolation.status],
    ["Problem", shortPaths(interpolation.problem ?? state?.message ?? "")],
    ["Measured", pointsText(interpolation)],
    ["Base (alpha 0)", definition?.base],
    ["Fine-tune (alpha 1)", definition?.tuned],
    ["Adapter", definition?.adapter],
    ["Data", definition?.data.map(({ name, role }) => `${name} (${role})`).join(", ")],
    ["Computed for", state?.elapsedMs === undefined ? undefined : formatDuration(state.elapsedMs)],
    ["Created", definition && new Date(definition.createdAt).toLocaleString()],
    ["Folder", interpolation.dir],
  ]);
}
