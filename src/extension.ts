/** Constructs, registers, returns. No file is searched for here: trees ask when they are shown. */
import * as vscode from "vscode";
import type { Programs } from "./engines/engine.ts";
import { RunActions } from "./runs/run-actions.ts";
import { RunStore } from "./runs/run-store.ts";
import { StartQueue } from "./runs/start-queue.ts";
import { tidyInterrupted } from "./runs/tidy-interrupted.ts";
import { InterpolationActions } from "./runs/interpolations/interpolation-actions.ts";
import { InterpolationStore } from "./runs/interpolations/interpolation-store.ts";
import type { App } from "./ui/app.ts";
import { registerCommands } from "./ui/commands/register.ts";
import { AdapterCatalog } from "./ui/catalogs/adapter-catalog.ts";
import { EvaluationCatalog } from "./ui/catalogs/evaluation-catalog.ts";
import { ModelCatalog } from "./ui/catalogs/model-catalog.ts";
import { LayerEditor } from "./ui/layers/layer-editor.ts";
import { LayerMeasure } from "./ui/layers/layer-measure.ts";
import { evaluationPanels } from "./ui/panels/evaluation-panels.ts";
import { labPanels } from "./ui/panels/lab-panels.ts";
import { runPanels } from "./ui/panels/run-panels.ts";
import { RecipeCodeLens } from "./ui/recipes/recipe-code-lens.ts";
import { RecipeDiagnostics } from "./ui/recipes/recipe-diagnostics.ts";
import { passOpenvinoFolder } from "./ui/openvino-folder.ts";
import { RunNotifications } from "./ui/run-notifications.ts";
import { RunRoots } from "./ui/run-roots.ts";
import { sayError } from "./ui/say.ts";
import { maxParallelRuns } from "./ui/settings.ts";
import { InterpolationNotifications } from "./ui/interpolation-notifications.ts";
import { StatusBar } from "./ui/status-bar.ts";
import { Transcripts } from "./ui/transcripts.ts";
import { registerViews } from "./ui/views/register-views.ts";

/** What tests use. */
export type RetuneApi = Pick<
  App,
  "store" | "interpolations" | "evaluations" | "models" | "adapters" | "layers" | "layerMeasure"
>;

export function activate(context: vscode.ExtensionContext): RetuneApi {
  const bundled = (name: string) => vscode.Uri.joinPath(context.extensionUri, "dist", name).fsPath;
  const log = vscode.window.createOutputChannel("Retune", { log: true });
  const store = new RunStore();
  const interpolations = new InterpolationStore();
  const programs: Programs = { trainer: bundled("trainer.cjs"), cli: bundled("cli.cjs") };
  const actions = runActions(programs, log, (runDir) => queue.release(runDir));
  const queue = startQueue(store, actions);
  const layers = new LayerEditor();
  const app: App = {
    context,
    log,
    store,
    actions,
    queue,
    roots: new RunRoots(store, interpolations),
    panels: runPanels(context, store),
    interpolations,
    interpolationActions: new InterpolationActions({ cliPath: programs.cli, log }),
    labs: labPanels(context, interpolations),
    interpolationNotifications: new InterpolationNotifications(interpolations),
    notifications: new RunNotifications(store, context.workspaceState),
    models: new ModelCatalog(log),
    adapters: new AdapterCatalog(store, log),
    transcripts: new Transcripts(),
    evaluations: new EvaluationCatalog(),
    evaluationPanels: evaluationPanels(context),
    layers,
    layerMeasure: new LayerMeasure(layers, programs),
    programs,
  };
  context.subscriptions.push(
    log,
    store,
    interpolations,
    queue,
    app.roots,
    app.panels,
    app.labs,
    app.evaluations,
    app.evaluationPanels,
    app.interpolationNotifications,
    passOpenvinoFolder(context),
    ...tidying(app),
    vscode.workspace.onDidGrantWorkspaceTrust(() => queue.advanceAll()),
    app.notifications,
    app.models,
    app.adapters,
    app.transcripts,
    app.layers,
    app.layerMeasure,
    new StatusBar(store),
    new RecipeCodeLens(store),
    new RecipeDiagnostics(),
    registerViews(app),
    registerCommands(app),
  );
  void app.roots.apply().catch((error: unknown) => log.error(String(error)));
  return app;
}

function tidying({ store, interpolations, log }: App): vscode.Disposable[] {
  const options = {
    isAllowed: () => vscode.workspace.isTrusted,
    onError: (error: unknown) => log.error(String(error)),
  };
  return [tidyInterrupted(store, options), tidyInterrupted(interpolations, options)];
}

function runActions(
  programs: Programs,
  log: vscode.LogOutputChannel,
  ended: (runDir: string) => void,
): RunActions {
  return new RunActions({
    programs,
    onExit: (runDir, { code, signal }) => {
      log.info(`training process of ${runDir} ended with ${signal ?? `code ${code}`}`);
      ended(runDir);
    },
  });
}

function startQueue(store: RunStore, actions: RunActions): StartQueue {
  return new StartQueue({
    store,
    start: (runDir) => actions.start(runDir),
    limit: maxParallelRuns,
    isAllowed: () => vscode.workspace.isTrusted,
    onError: (_, message) => void sayError(message),
  });
}
