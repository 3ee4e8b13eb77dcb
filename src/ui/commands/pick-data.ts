import { stat } from "node:fs/promises";
import * as vscode from "vscode";
import { formatBytes } from "../../util/format.ts";
import { isEvaluationFile } from "../recipes/recipe-inputs.ts";
import type { Wizard } from "../ask/wizard.ts";
import { pickPath } from "./pick-path.ts";

const EXCLUDES = "**/{node_modules,.git,.retune}/**";
const MAX_FILES = 500;

/** A .jsonl file of the workspace or from disk. */
export function pickData(wizard: Wizard): Promise<string> {
  return wizard.pick<string>({
    placeHolder: "Which training data?",
    choices: async () => [
      ...(await findDataFiles()).map(({ path, ...file }) => ({ ...file, value: path })),
      { heading: "Elsewhere" },
      {
        label: "Browse for a .jsonl file…",
        icon: "folder-opened",
        description: "one JSON object a line",
        alwaysShow: true,
        value: () =>
          pickPath({
            title: "Training data",
            openLabel: "Use as Training Data",
            folders: false,
            filters: { "JSON Lines": ["jsonl", "ndjson"] },
          }),
      },
    ],
  });
}

export async function findDataFiles() {
  const uris = await vscode.workspace.findFiles("**/*.jsonl", EXCLUDES, MAX_FILES);
  const files = uris.filter((uri) => uri.scheme === "file").map((uri) => uri.fsPath);
  const last = (file: string) => Number(isEvaluationFile(file));
  return Promise.all(
    files
      .toSorted((a, b) => last(a) - last(b) || a.localeCompare(b))
      .map(async (file) => {
        const info = await stat(file).catch(() => undefined);
        return {
          label: vscode.workspace.asRelativePath(file),
          description: info ? formatBytes(info.size) : "",
          path: file,
        };
      }),
  );
}
