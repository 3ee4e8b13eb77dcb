import type * as vscode from "vscode";
import { savedLabSchema } from "../../protocol/lab-messages.ts";
import type { InterpolationStore } from "../../runs/interpolations/interpolation-store.ts";
import { LabPanel } from "./lab-panel.ts";
import { PanelSet } from "./panel-set.ts";

export function labPanels(context: vscode.ExtensionContext, store: InterpolationStore): PanelSet {
  return new PanelSet({
    context,
    viewType: "retune.lab",
    icon: "lab",
    nameOf: (dir) => store.get(dir)?.name,
    restore: (saved) => savedLabSchema.safeParse(saved).data?.interpolationDir,
    adopt: (panel, interpolationDir, mediaUri) =>
      new LabPanel({ panel, interpolationDir, store, mediaUri }),
  });
}
