import type * as vscode from "vscode";
import { savedLabSchema } from "../../protocol/lab-messages.ts";
import type { SweepStore } from "../../runs/sweeps/sweep-store.ts";
import { LabPanel } from "./lab-panel.ts";
import { PanelSet } from "./panel-set.ts";

export function labPanels(context: vscode.ExtensionContext, store: SweepStore): PanelSet {
  return new PanelSet({
    context,
    viewType: "retune.lab",
    icon: "lab",
    nameOf: (dir) => store.get(dir)?.name,
    restore: (saved) => savedLabSchema.safeParse(saved).data?.sweepDir,
    adopt: (panel, sweepDir, mediaUri) => new LabPanel({ panel, sweepDir, store, mediaUri }),
  });
}
