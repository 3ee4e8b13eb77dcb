/** Command id → what it does. The table is total: package.json and this file name the same commands. */
import * as vscode from "vscode";
import { errorMessage } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { COMMANDS } from "../command-ids.ts";
import { type OpenLine, openLineOf, press } from "../open-line.ts";
import { sayError } from "../say.ts";
import { UntrustedError } from "../trust.ts";
import { copyPath, copyRunId, reveal, revealRunOutput, showLog, showRecipe } from "./show.ts";
import { classify } from "./classify.ts";
import { freezeLayers, layerPreset, measureLayers, saveLayers } from "./freeze-layers.ts";
import { evaluate } from "./evaluate.ts";
import { deleteEvaluation, exportEvaluation, openEvaluation } from "./evaluation-commands.ts";
import { generate } from "./generate.ts";
import { installRuntime } from "./install-runtime.ts";
import { interpolate } from "./interpolate.ts";
import { mergeAdapter } from "./merge-adapter.ts";
import { mergeModels } from "./merge-models.ts";
import { addModelFolder, refresh, removeModelFolder } from "./model-folders.ts";
import { deleteRun, openRun, resumeRun, stopRun } from "./run-commands.ts";
import { saveMix } from "./save-mix.ts";
import {
  continueInterpolation,
  deleteInterpolation,
  exportInterpolationCsv,
  exportInterpolationJson,
  openInterpolation,
  showInterpolationLog,
  stopInterpolation,
} from "./interpolation-commands.ts";
import { startRun } from "./start-run.ts";
import { startRunFromRecipe } from "./start-run-from-recipe.ts";

type Handler = (app: App, argument: unknown, detail?: unknown) => unknown;

const HANDLERS: Record<keyof typeof COMMANDS, Handler> = {
  startRun,
  startRunFromRecipe,
  freezeLayers,
  layerPreset,
  measureLayers,
  saveLayers,
  closeLayers: (app) => app.layers.close(),
  stopRun,
  resumeRun,
  openRun,
  showRecipe,
  showLog,
  copyRunId,
  deleteRun,
  mergeAdapter,
  mergeModels,
  interpolate,
  openInterpolation,
  stopInterpolation,
  continueInterpolation,
  saveMix,
  showInterpolationLog,
  exportInterpolationCsv,
  exportInterpolationJson,
  deleteInterpolation,
  generate,
  classify,
  evaluate,
  exportEvaluation,
  openEvaluation,
  deleteEvaluation,
  reveal,
  revealRunOutput,
  copyPath,
  addModelFolder,
  removeModelFolder,
  installRuntime,
  refresh,
  showOutput: (app) => app.log.show(),
};

const MANAGE_TRUST = { title: "Manage Workspace Trust", command: "workbench.trust.manage" };
const SHOW_OUTPUT = { title: "Show Output", command: COMMANDS.showOutput };

/** Whatever goes wrong in a command ends as one line for the user and a stack in the log. */
export function registerCommands(app: App): vscode.Disposable {
  const names = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[];
  const registrations = names.map((name) =>
    vscode.commands.registerCommand(COMMANDS[name], async (argument: unknown, detail: unknown) => {
      try {
        return await HANDLERS[name](app, argument, detail);
      } catch (error) {
        app.log.error(error instanceof Error ? error : String(error));
        void showError(error);
        return undefined;
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}

async function showError(error: unknown): Promise<void> {
  const message = errorMessage(error);
  const place = await openLineOf(message);
  // Without a button VS Code cuts a message after its first line.
  const remedy = error instanceof UntrustedError ? MANAGE_TRUST : SHOW_OUTPUT;
  const buttons = [...(place ? [place] : []), remedy];
  const chosen = await sayError<OpenLine | typeof remedy>(message, ...buttons);
  await press(chosen);
}
