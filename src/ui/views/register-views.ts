import * as vscode from "vscode";
import type { RunStore } from "../../runs/run-store.ts";
import { isLive } from "../../runs/run-status.ts";
import type { App } from "../app.ts";
import { VIEWS } from "../command-ids.ts";
import { registerLayersView } from "../layers/layers-tree.ts";
import { onDidChangeModelSettings } from "../settings.ts";
import { AdaptersTree } from "./adapters-tree.ts";
import { ModelsTree } from "./models-tree.ts";
import { RunsTree } from "./runs-tree.ts";
import { offeredPatterns } from "../../bases/references.ts";

/** Copying a model into the workspace touches many files; one search after the last is enough. */
const FILES_PAUSE_MS = 1_000;

export function registerViews(app: App): vscode.Disposable {
  const { window } = vscode;
  const runs = new RunsTree(app, () => app.roots.applied);
  const runsView = window.createTreeView(VIEWS.runs, { treeDataProvider: runs });
  const models = new ModelsTree(app.models);
  const modelsView = window.createTreeView(VIEWS.models, {
    treeDataProvider: models,
    showCollapseAll: true,
  });
  const adapters = new AdaptersTree(app.adapters);
  const adaptersView = window.createTreeView(VIEWS.adapters, { treeDataProvider: adapters });
  const searchAnew = () => {
    app.models.invalidate();
    app.adapters.invalidate();
    app.evaluations.invalidate();
  };
  return vscode.Disposable.from(
    runs,
    runsView,
    modelsView,
    adaptersView,
    registerLayersView(app),
    app.store.onDidChange(() => showState(app.store, runsView)),
    refreshAdaptersWithRuns(app),
    watchModelFiles(app),
    onDidChangeModelSettings(() => app.models.invalidate()),
    vscode.workspace.onDidGrantWorkspaceTrust(searchAnew),
    vscode.workspace.onDidChangeWorkspaceFolders(searchAnew),
  );
}

/** A number on the activity bar's icon, and what the `when` clauses of package.json ask. */
function showState(store: RunStore, view: vscode.TreeView<unknown>): void {
  const runs = store.runs();
  // Nothing is shown of a folder that nobody trusts unless somebody asked for it.
  const active = vscode.workspace.isTrusted ? runs.filter((run) => isLive(run.status)).length : 0;
  if ((view.badge?.value ?? 0) !== active) {
    const tooltip = active === 1 ? "1 run is training" : `${active} runs are training`;
    view.badge = active === 0 ? undefined : { value: active, tooltip };
  }
  setContext("retune.hasRuns", runs.length > 0);
  setContext("retune.hasLiveRuns", active > 0);
}

const contexts = new Map<string, boolean>();

function setContext(key: string, value: boolean): void {
  if (contexts.get(key) === value) return;
  contexts.set(key, value);
  void vscode.commands.executeCommand("setContext", key, value);
}

function refreshAdaptersWithRuns(app: App): vscode.Disposable {
  const withResult = new Set<string>();
  return app.store.onDidChange(({ type, run }) => {
    const had = withResult.has(run.dir);
    const has = type !== "removed" && (run.hasAdapter || run.hasModel);
    if (had === has) return;
    if (has) withResult.add(run.dir);
    else withResult.delete(run.dir);
    app.adapters.invalidate();
    if (run.hasModel) app.models.invalidate();
  });
}

/** Files that come and go in the workspace; checkpoints of a run are not among them. */
function watchModelFiles(app: App): vscode.Disposable {
  const names = ["config.json", "adapter_config.json", "reft_config.json", "*.safetensors"];
  const pattern = `**/{${[...names, ...offeredPatterns()].join(",")}}`;
  const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, true);
  let timer: NodeJS.Timeout | undefined;
  const onFile = (uri: vscode.Uri) => {
    if (/[\\/](\.retune|node_modules|checkpoints)[\\/]/.test(uri.fsPath)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      app.models.invalidate();
      app.adapters.invalidate();
    }, FILES_PAUSE_MS);
  };
  const created = watcher.onDidCreate(onFile);
  const deleted = watcher.onDidDelete(onFile);
  return vscode.Disposable.from(watcher, created, deleted, {
    dispose: () => clearTimeout(timer),
  });
}
