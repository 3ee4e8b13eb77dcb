import type * as vscode from "vscode";
import * as z from "zod";
import { EvaluationPanel } from "./evaluation-panel.ts";
import { PanelSet } from "./panel-set.ts";

const pageStateSchema = z.object({ file: z.string() });

export function evaluationPanels(context: vscode.ExtensionContext): PanelSet {
  return new PanelSet({
    context,
    viewType: "retune.evaluation",
    icon: "evaluation",
    restore: (saved) => pageStateSchema.safeParse(saved).data?.file,
    adopt: (panel, file) => new EvaluationPanel(panel, file),
  });
}
