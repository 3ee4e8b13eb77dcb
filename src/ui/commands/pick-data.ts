import { stat } from "node:fs/promises";
import * as vscode from "vscode";
import { DATA_ENDINGS, SEARCHED_DATA } from "../../protocol/data-files.ts";
import { formatBytes } from "../../util/format.ts";
import { isEvaluationFile } from "../recipes/recipe-inputs.ts";
import type { Wizard } from "../ask/wizard.ts";
import { pickPath } from "./pick-path.ts";

const EXCLUDES = "**/{node_modules,.git,.retune}/**";
const MAX_FILES = 500;

/** What a dialog shows that asks for data. */
export const DATA_FILTERS: Readonly<Record<string, string[]>> = { Data: [...DATA_ENDINGS, "gz"] };

/** A data file of the workspace or from disk. */
export function pickData(wizard: Wizard): Promise<string> {
  return wizard.pick<string>({
    placeHolder: "Which training data?",
    choices: async () => [
      ...(await findDataFiles()).map(({ path, ...file }) => ({ ...file, value: path })),
      { heading: "Elsewhere" },
      {
        label: "Browse for a file…",
        icon: "folder-opened",
        description: ".jsonl, .json, .csv, .tsv, .parquet",
        alwaysShow: true,
        value: () =>
          pickPath({
            title: "Training data",
            openLabel: "Use as Training Data",
            folders: false,
            filters: DATA_FILTERS,
          }),
      },
    ],
  });
}

export async function findDataFiles() {
  const uris = await vscode.workspace.findFiles(SEARCHED_DATA, EXCLUDES, MAX_FILES);
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
