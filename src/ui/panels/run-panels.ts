import type * as vscode from "vscode";
import { savedPanelSchema } from "../../protocol/panel-messages.ts";
import type { RunStore } from "../../runs/run-store.ts";
import { PanelSet } from "./panel-set.ts";
import { RunPanel } from "./run-panel.ts";

export function runPanels(context: vscode.ExtensionContext, store: RunStore): PanelSet {
  return new PanelSet({
    context,
    viewType: "retune.run",
    icon: "run",
    nameOf: (dir) => store.get(dir)?.name,
    restore: (saved) => savedPanelSchema.safeParse(saved).data?.runDir,
    adopt: (panel, runDir, mediaUri) => new RunPanel({ panel, runDir, store, mediaUri }),
  });
}
