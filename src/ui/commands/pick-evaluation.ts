/** The data that a sweep evaluates on: which files, and what each may be used for. */
import path from "node:path";
import * as vscode from "vscode";
import { dataName } from "../../protocol/data-files.ts";
import type { DataRole, SweepData } from "../../protocol/sweep.ts";
import type { Run } from "../../runs/run.ts";
import { pathExists } from "../../util/path-exists.ts";
import { proposeRole } from "../recipes/evaluation-roles.ts";
import { evaluationFilesBeside } from "../recipes/recipe-inputs.ts";
import { DATA_FILTERS, findDataFiles } from "./pick-data.ts";
import { pickPath } from "./pick-path.ts";

const ROLES: Record<DataRole, { label: string; detail: string }> = {
  validation: {
    label: "Validation",
    detail: "Recommends an alpha; tests nothing. Take rows that you report no figure on.",
  },
  "in-distribution": {
    label: "In-distribution test",
    detail: "Rows like those that the model was tuned on: what tuning is for.",
  },
  shifted: {
    label: "Shifted test",
    detail: "Rows of another kind or source: whether the model stays robust.",
  },
};

interface FileItem extends vscode.QuickPickItem {
  file?: string;
}

/** Undefined when cancelled. */
export async function pickEvaluation(
  title: string,
  run: Run | undefined,
): Promise<SweepData[] | undefined> {
  const files = await pickFiles(title, run);
  if (files === undefined) return undefined;
  const data: SweepData[] = [];
  for (const [index, file] of files.entries()) {
    const role = await pickRole(`${title} (${index + 1}/${files.length})`, file, run);
    if (role === undefined) return undefined;
    data.push({ name: freeName(file, data), file, role });
  }
  return data;
}

async function pickFiles(title: string, run: Run | undefined): Promise<string[] | undefined> {
  const proposed = await proposedFiles(run);
  const found = await findDataFiles();
  const files = [...new Set([...proposed, ...found.map((each) => each.path)])];
  const sizes = new Map(found.map((each) => [each.path, each.description]));
  const items: FileItem[] = [
    ...files.map((file) => ({
      label: vscode.workspace.asRelativePath(file),
      description: sizes.get(file) ?? "",
      picked: proposed.includes(file),
      file,
    })),
    {
      label: "$(folder-opened) Browse for another file…",
      description: "besides those chosen",
      alwaysShow: true,
    },
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: "Evaluate on which data? Choose one file or several.",
    canPickMany: true,
    ignoreFocusOut: true,
  });
  if (chosen === undefined) return undefined;
  const picked = chosen.flatMap(({ file }) => (file === undefined ? [] : [file]));
  if (chosen.length > picked.length) {
    const other = await pickPath({
      title: "Evaluation data",
      openLabel: "Evaluate on It",
      folders: false,
      filters: DATA_FILTERS,
    });
    if (other !== undefined) picked.push(other);
  }
  if (picked.length > 0) return [...new Set(picked)];
  void vscode.window.showWarningMessage("Nothing to evaluate on was chosen: nothing was started.");
  return undefined;
}

/** The run's own evaluation file, and what lies beside its training data. */
async function proposedFiles(run: Run | undefined): Promise<string[]> {
  const data = run?.recipe?.data;
  if (data === undefined) return [];
  const beside = await evaluationFilesBeside(data.train);
  if (data.eval === undefined || !(await pathExists(data.eval))) return beside;
  return [...new Set([data.eval, ...beside])];
}

async function pickRole(
  title: string,
  file: string,
  run: Run | undefined,
): Promise<DataRole | undefined> {
  const { data } = run?.recipe ?? {};
  const first = proposeRole(file, data);
  const roles = (Object.keys(ROLES) as DataRole[]).toSorted(
    (a, b) => Number(b === first) - Number(a === first),
  );
  const items = roles.map((role) => ({ ...ROLES[role], role }));
  const placeHolder = `What is ${vscode.workspace.asRelativePath(file)} for?`;
  const options = { title, placeHolder, ignoreFocusOut: true };
  return (await vscode.window.showQuickPick(items, options))?.role;
}

/** The file's name; where that is taken, with its folder's. */
function freeName(file: string, taken: readonly SweepData[]): string {
  const own = dataName(path.basename(file));
  const isTaken = (name: string): boolean => taken.some((data) => data.name === name);
  if (!isTaken(own)) return own;
  const longer = `${path.basename(path.dirname(file))}/${own}`;
  return isTaken(longer) ? `${longer}-${taken.length + 1}` : longer;
}
