/** What commands and views share. Built once by extension.ts. */
import type * as vscode from "vscode";
import type { Programs } from "../engines/engine.ts";
import type { RunActions } from "../runs/run-actions.ts";
import type { RunStore } from "../runs/run-store.ts";
import type { StartQueue } from "../runs/start-queue.ts";
import type { InterpolationActions } from "../runs/interpolations/interpolation-actions.ts";
import type { InterpolationStore } from "../runs/interpolations/interpolation-store.ts";
import type { AdapterCatalog } from "./catalogs/adapter-catalog.ts";
import type { EvaluationCatalog } from "./catalogs/evaluation-catalog.ts";
import type { ModelCatalog } from "./catalogs/model-catalog.ts";
import type { LayerEditor } from "./layers/layer-editor.ts";
import type { LayerMeasure } from "./layers/layer-measure.ts";
import type { PanelSet } from "./panels/panel-set.ts";
import type { RunNotifications } from "./run-notifications.ts";
import type { RunRoots } from "./run-roots.ts";
import type { InterpolationNotifications } from "./interpolation-notifications.ts";
import type { Transcripts } from "./transcripts.ts";

export interface App {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  store: RunStore;
  roots: RunRoots;
  actions: RunActions;
  queue: StartQueue;
  panels: PanelSet;
  interpolations: InterpolationStore;
  interpolationActions: InterpolationActions;
  labs: PanelSet;
  interpolationNotifications: InterpolationNotifications;
  notifications: RunNotifications;
  models: ModelCatalog;
  adapters: AdapterCatalog;
  transcripts: Transcripts;
  evaluations: EvaluationCatalog;
  evaluationPanels: PanelSet;
  layers: LayerEditor;
  layerMeasure: LayerMeasure;
  /** What engines start, and the `retune` command. */
  programs: Programs;
}
