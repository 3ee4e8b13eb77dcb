import * as vscode from "vscode";
import { createRun } from "../../run-folder/create-run.ts";
import { resolveRecipe } from "../../runs/resolve-recipe.ts";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { sayInformation } from "../say.ts";
import { RECIPE_SUFFIX } from "../recipes/recipe-text.ts";
import { SEARCH_EXCLUDES } from "../catalogs/model-catalog.ts";
import { requireTrust } from "../trust.ts";
import { mayStart } from "./check-start.ts";

/** @param argument the recipe's URI (from the Explorer, an editor or a CodeLens) or nothing */
export async function startRunFromRecipe(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const recipe = toUri(argument) ?? activeRecipe() ?? (await pickRecipe());
  return recipe && startRecipe(app, recipe);
}

/** Resolves to the run's folder; undefined when the person decides against it. */
export async function startRecipe(app: App, recipe: vscode.Uri): Promise<string | undefined> {
  const open = vscode.workspace.textDocuments.find(
    (document) => document.uri.toString() === recipe.toString(),
  );
  if (open?.isDirty) await open.save();
  const resolved = await resolveRecipe(recipe.fsPath);
  if (!(await mayStart(app, recipe, resolved))) return undefined;
  const runsDir = await app.roots.forRecipe(recipe);
  const runDir = await createRun({ recipe: resolved, runsDir });
  app.log.info(`created run ${runDir}`);
  app.notifications.expect(runDir);
  const outcome = await app.queue.add(runDir);
  await app.store.refresh();
  if (outcome === "queued") {
    void sayInformation(
      `${app.store.get(runDir)?.name ?? resolved.name} waits: it starts when the run before it has ended.`,
    );
  }
  app.panels.open(runDir);
  return runDir;
}

export function toUri(argument: unknown): vscode.Uri | undefined {
  if (argument instanceof vscode.Uri) return argument;
  return typeof argument === "string" && argument !== "" ? vscode.Uri.file(argument) : undefined;
}

export function activeRecipe(): vscode.Uri | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.scheme === "file" && uri.path.endsWith(RECIPE_SUFFIX) ? uri : undefined;
}

export async function pickRecipe(
  placeHolder = "Start a run from which recipe?",
): Promise<vscode.Uri | undefined> {
  const uris = await vscode.workspace.findFiles(`**/*${RECIPE_SUFFIX}`, SEARCH_EXCLUDES);
  if (uris.length === 0) {
    void sayInformation(
      `There is no recipe (*${RECIPE_SUFFIX}) in this workspace. "Retune: Start Run…" writes one.`,
    );
    return undefined;
  }
  return pickOne("", {
    placeHolder,
    choices: () =>
      uris
        .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), value: uri }))
        .toSorted((a, b) => a.label.localeCompare(b.label)),
  });
}
