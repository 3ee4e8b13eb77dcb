/** Which layers a recipe trains: the commands around the view "Layers". */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import writeFileAtomic from "write-file-atomic";
import { InputError } from "../../util/errors.ts";
import { methodOfBase, methodSchema } from "../../protocol/methods.ts";
import { defaultRunName } from "../../runs/run-name.ts";
import type { App } from "../app.ts";
import { askInSteps, pickOne, type Wizard } from "../ask/wizard.ts";
import { SEARCH_EXCLUDES } from "../catalogs/model-catalog.ts";
import { VIEWS } from "../command-ids.ts";
import { readBaseTensors } from "../layers/base-tensors.ts";
import type { Layers } from "../layers/layer-editor.ts";
import { blockCount, presetsFor, presetTensors } from "../layers/layer-presets.ts";
import { layerNodes } from "../layers/layer-nodes.ts";
import { readRecipeLayers } from "../layers/recipe-layers.ts";
import { evaluationFileBeside, maxPositions } from "../recipes/recipe-inputs.ts";
import { newRecipe, RECIPE_SUFFIX, recipeText } from "../recipes/recipe-text.ts";
import { requireTrust } from "../trust.ts";
import { baseOf } from "./pick-base.ts";
import { pickData } from "./pick-data.ts";
import { askName, freeFile, workspaceFolder } from "./start-run.ts";
import { activeRecipe, pickRecipe, toUri } from "./start-run-from-recipe.ts";
import { toFileName } from "../../util/format.ts";
import { parseDecimal } from "../../util/parse-decimal.ts";

const TITLE = "Freeze Layers";
/** A new recipe begins with a choice that trains well on little data. */
const USUAL_LAST_BLOCKS = 2;

/** @param argument a recipe's URI, a row of a base model, or nothing */
export async function freezeLayers(app: App, argument: unknown): Promise<void> {
  requireTrust();
  const base = baseOf(argument);
  const recipe =
    base === undefined
      ? (toUri(argument) ??
        activeRecipe() ??
        (await pickRecipe("Choose the layers of which recipe?")))
      : await recipeFor(base);
  if (recipe === undefined) return;
  await app.layers.open(recipe);
  await vscode.commands.executeCommand(`${VIEWS.layers}.focus`);
}

/** One of the recipes that train this base, or a new one. */
async function recipeFor(base: string): Promise<vscode.Uri | undefined> {
  const uris = await recipesOf(base);
  if (uris.length === 0) return newFreezeRecipe(base);
  const chosen = await pickOne<vscode.Uri | "new">(TITLE, {
    placeHolder: `Which recipe of ${path.basename(base)}?`,
    choices: () => [
      ...uris.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), value: uri })),
      {
        label: "New recipe…",
        icon: "add",
        description: "trains a part of the model itself",
        value: "new",
      },
    ],
  });
  return chosen === "new" ? newFreezeRecipe(base) : chosen;
}

async function recipesOf(base: string): Promise<vscode.Uri[]> {
  const uris = await vscode.workspace.findFiles(`**/*${RECIPE_SUFFIX}`, SEARCH_EXCLUDES);
  const fits = await Promise.all(uris.map(async ({ fsPath }) => (await baseIn(fsPath)) === base));
  return uris
    .filter((_, index) => fits[index])
    .toSorted((a, b) => a.fsPath.localeCompare(b.fsPath));
}

/** Undefined for a recipe that can't be read: it is no candidate. */
async function baseIn(file: string): Promise<string | undefined> {
  try {
    const { base } = readRecipeLayers(await readFile(file, "utf8"), file);
    return path.resolve(path.dirname(file), base);
  } catch {
    return undefined;
  }
}

async function newFreezeRecipe(base: string): Promise<vscode.Uri | undefined> {
  const folder = await workspaceFolder();
  if (folder === undefined) return undefined;
  // A model that can't be read is refused before anything is asked about it.
  const blocks = blockCount(layerNodes(await readBaseTensors(base)));
  const { name: type } = methodOfBase("part");
  const answers = await askInSteps(TITLE, async (wizard) => {
    wizard.expect(2);
    const data = await pickData(wizard);
    const name = await askName(wizard, defaultRunName({ base, method: type, data }));
    return { data, name };
  });
  if (answers === undefined) return undefined;
  const { data, name } = answers;
  const part = blocks > 0 ? { trainLast: Math.min(USUAL_LAST_BLOCKS, blocks) } : { freeze: [] };
  const recipe = newRecipe({
    name,
    base,
    data,
    method: { method: methodSchema.parse({ type }), ...part },
    evalData: await evaluationFileBeside(data),
    folder,
    maxPositions: await maxPositions(base),
  });
  const file = await freeFile(folder, toFileName(name));
  await writeFileAtomic(file, recipeText(recipe));
  return vscode.Uri.file(file);
}

export async function layerPreset(app: App): Promise<void> {
  const { nodes, labelsRows } = opened(app);
  const answers = await askInSteps("Layer Presets", async (wizard) => {
    const preset = await wizard.pick({
      placeHolder: "What is trained?",
      choices: () =>
        presetsFor(nodes, labelsRows).map(({ preset: value, ...shown }) => ({ ...shown, value })),
    });
    wizard.expect(preset === "last-blocks" ? 2 : 1);
    const blocks = preset === "last-blocks" ? await askBlocks(wizard, blockCount(nodes)) : 1;
    return { preset, blocks };
  });
  if (answers === undefined) return;
  const { preset, blocks } = answers;
  await app.layers.change((layers) => presetTensors(layers.nodes, preset, blocks));
}

async function askBlocks(wizard: Wizard, most: number): Promise<number> {
  const text = await wizard.input({
    prompt: `How many of the ${most} blocks, counted from the end?`,
    value: String(Math.min(USUAL_LAST_BLOCKS, most)),
    validate: (value) => {
      const count = parseDecimal(value) ?? 0;
      const isCount = Number.isInteger(count) && count >= 1 && count <= most;
      return isCount ? undefined : `A number from 1 to ${most}, please.`;
    },
  });
  return Number(text);
}

export async function measureLayers(app: App): Promise<void> {
  requireTrust();
  opened(app);
  await app.layerMeasure.measure();
}

export async function saveLayers(app: App): Promise<void> {
  await opened(app).document.save();
}

function opened(app: App): Layers {
  const { layers } = app.layers;
  if (layers !== undefined) return layers;
  throw new InputError('No recipe is open in the Layers view: "Retune: Freeze Layers…" opens one');
}
