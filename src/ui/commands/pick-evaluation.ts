/** The data that an interpolation evaluates on: which files, and what each may be used for. */
import * as vscode from "vscode";
import type { DataRole, InterpolationData } from "../../protocol/interpolation.ts";
import type { Run } from "../../run-folder/run.ts";
import { pathExists } from "../../util/path-exists.ts";
import type { Choices } from "../ask/question.ts";
import type { Wizard } from "../ask/wizard.ts";
import { proposeRole } from "../recipes/evaluation-roles.ts";
import { evaluationFilesBeside } from "../recipes/recipe-inputs.ts";
import { freeName } from "../recipes/free-name.ts";
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

export async function pickEvaluation(
  wizard: Wizard,
  run: Run | undefined,
): Promise<InterpolationData[]> {
  const files = await pickFiles(wizard, run);
  const data: InterpolationData[] = [];
  for (const file of files) {
    data.push({ name: freeName(file, data), file, role: await pickRole(wizard, file, run) });
  }
  return data;
}

async function pickFiles(wizard: Wizard, run: Run | undefined): Promise<string[]> {
  const picked = await wizard.pickMany({
    placeHolder: "Evaluate on which data? Choose one file or several.",
    choices: () => offered(run),
  });
  if (picked.length > 0) return [...new Set(picked)];
  return wizard.refuse("Nothing to evaluate on was chosen: nothing was started.");
}

async function offered(run: Run | undefined): Promise<Choices<string>> {
  const proposed = await proposedFiles(run);
  const found = await findDataFiles();
  const files = [...new Set([...proposed, ...found.map((each) => each.path)])];
  const sizes = new Map(found.map((each) => [each.path, each.description]));
  return [
    ...files.map((file) => ({
      label: vscode.workspace.asRelativePath(file),
      description: sizes.get(file) ?? "",
      picked: proposed.includes(file),
      value: file,
    })),
    {
      label: "Browse for another file…",
      icon: "folder-opened",
      description: "besides those chosen",
      alwaysShow: true,
      value: () =>
        pickPath({
          title: "Evaluation data",
          openLabel: "Evaluate on It",
          folders: false,
          filters: DATA_FILTERS,
        }),
    },
  ];
}

/** The run's own evaluation file, and what lies beside its training data. */
async function proposedFiles(run: Run | undefined): Promise<string[]> {
  const data = run?.recipe?.data;
  if (data === undefined) return [];
  const beside = await evaluationFilesBeside(data.train);
  if (data.eval === undefined || !(await pathExists(data.eval))) return beside;
  return [...new Set([data.eval, ...beside])];
}

function pickRole(wizard: Wizard, file: string, run: Run | undefined): Promise<DataRole> {
  const { data } = run?.recipe ?? {};
  const first = proposeRole(file, data);
  const roles = (Object.keys(ROLES) as DataRole[]).toSorted(
    (a, b) => Number(b === first) - Number(a === first),
  );
  return wizard.pick({
    placeHolder: `What is ${vscode.workspace.asRelativePath(file)} for?`,
    choices: () => roles.map((role) => ({ ...ROLES[role], value: role })),
  });
}
