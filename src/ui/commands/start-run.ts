/** Base → data → name → a recipe to edit, or a run that starts at once. */
import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { type RecipeInput } from "../../protocol/recipe.ts";
import { methodSchema } from "../../protocol/methods.ts";
import { labelling } from "../../protocol/objectives.ts";
import { defaultRunName } from "../../runs/run-name.ts";
import writeFileAtomic from "write-file-atomic";
import type { App } from "../app.ts";
import type { Choices } from "../ask/question.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import { localFolders } from "../local-folders.ts";
import { sayInformation } from "../say.ts";
import { InputError } from "../../util/errors.ts";
import { toFileName } from "../../util/format.ts";
import {
  countRows,
  evaluationFileBeside,
  labelProblem,
  maxPositions,
} from "../recipes/recipe-inputs.ts";
import { type MethodChoice, methodChoices } from "../recipes/method-choices.ts";
import { newRecipe, RECIPE_SUFFIX, recipeText } from "../recipes/recipe-text.ts";
import { requireTrust } from "../trust.ts";
import { baseOf, pickBase } from "./pick-base.ts";
import { pickData } from "./pick-data.ts";
import { startRecipe } from "./start-run-from-recipe.ts";

const TITLE = "Start Run";

export async function startRun(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const folder = await workspaceFolder();
  if (folder === undefined) return undefined;
  const answers = await askInSteps(TITLE, (wizard) => askForRun(app, wizard, folder, argument));
  if (answers === undefined) return undefined;
  const { file, recipe, how } = answers;
  await writeFileAtomic(file, recipeText(recipe));
  const uri = vscode.Uri.file(file);
  if (how === "start") return startRecipe(app, uri);
  await vscode.window.showTextDocument(uri, { preview: false });
  return undefined;
}

/** The recipe that the answers come to, and the file that it is for. */
async function askForRun(app: App, wizard: Wizard, folder: string, argument: unknown) {
  const named = baseOf(argument);
  wizard.expect(named === undefined ? 5 : 4);
  const method = await askMethod(wizard);
  const base = named ?? (await pickBase(app, wizard));
  const data = await pickData(wizard);
  const withObjective = await objectiveFor(method, data);
  const methodType = methodSchema.parse(withObjective.method).type;
  const name = await askName(wizard, defaultRunName({ base, method: methodType, data }));
  const file = await freeFile(folder, toFileName(name));
  const models = await app.models.entries();
  const recipe = newRecipe({
    name,
    base,
    data,
    method: withObjective,
    evalData: await evaluationFileBeside(data),
    folder,
    maxPositions: await maxPositions(base),
    parameters: models.find((model) => model.path === base)?.summary?.parameters,
    rows: await countRows(data),
  });
  const how = await askHow(wizard, path.basename(file), method, recipe);
  return { file, recipe, how };
}

/** Rows with labels are there to be labelled, rows without can't be. */
async function objectiveFor(
  { label, recipe }: MethodChoice,
  data: string,
): Promise<MethodChoice["recipe"]> {
  const problem = await labelProblem(data);
  const { objective } = recipe;
  if (problem === undefined) {
    if (objective === undefined) return recipe;
    throw new InputError(
      `${label} labels rows, and those of ${data} have no label; choose rows like {"text": "…", "label": "spam"}, or another method`,
    );
  }
  const isProbed = objective !== undefined && "probe" in objective;
  return { ...recipe, objective: labelling({ problem, isProbed }) };
}

/** Runs are kept in an open folder: there must be one. */
export async function workspaceFolder(): Promise<string | undefined> {
  const [folder, ...others] = localFolders();
  if (others.length > 0) {
    const picked = await vscode.window.showWorkspaceFolderPick({
      placeHolder: "Which folder keeps the recipe and the run?",
    });
    return picked?.uri.fsPath;
  }
  if (folder !== undefined) return folder;
  const open = "Open Folder…";
  const message = "Open a folder first: the run is kept in its .retune/runs.";
  const chosen = await sayInformation(message, open);
  if (chosen === open) await vscode.commands.executeCommand("vscode.openFolder");
  return undefined;
}

export async function askName(wizard: Wizard, proposal: string): Promise<string> {
  const name = await wizard.input({
    prompt: "Name of the run",
    value: proposal.slice(0, 60),
    validate: (value) => {
      if (value.trim() === "") return "A run needs a name.";
      return value.length > 200 ? "At most 200 characters." : undefined;
    },
  });
  return name.trim();
}

function askMethod(wizard: Wizard): Promise<MethodChoice> {
  return wizard.pick({
    placeHolder: "Which method? Each starts with settings that learn.",
    choices: () =>
      methodChoices().map((method) => {
        const { label, description, detail } = method;
        return { label, description, detail, value: method };
      }),
  });
}

function askHow(
  wizard: Wizard,
  fileName: string,
  { label, description }: MethodChoice,
  { optimizer, epochs, batchSize }: RecipeInput,
): Promise<"start" | "edit"> {
  const choices: Choices<"start" | "edit"> = [
    {
      label: "Start now",
      icon: "play",
      description: fileName,
      detail: `${label}: ${description}, ${epochs} epochs, ${batchSize} rows a step, learning rate ${optimizer?.learningRate?.toExponential()}.`,
      value: "start",
    },
    {
      label: "Edit recipe first",
      icon: "edit",
      description: fileName,
      detail: "Opens the file; a click above its first line starts the run.",
      value: "edit",
    },
  ];
  const placeHolder = "Start with good defaults, or look at every setting first?";
  return wizard.pick({ placeHolder, choices: () => choices });
}

/** A recipe is never overwritten: the second of a name gets a number. */
export async function freeFile(folder: string, name: string): Promise<string> {
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? "" : `-${count}`;
    const file = path.join(folder, `${name}${suffix}${RECIPE_SUFFIX}`);
    if (!(await stat(file).catch(() => undefined))) return file;
  }
}
