import type * as vscode from "vscode";
import * as z from "zod";
import { EvaluationPanel } from "./evaluation-panel.ts";
import { PanelSet } from "./panel-set.ts";

const pageStateSchema = z.object({ file: z.string() });

/** @param nameOf what the evaluation in a file is called, as far as that is known */
export function evaluationPanels(
  context: vscode.ExtensionContext,
  nameOf: (file: string) => string | undefined,
): PanelSet {
  return new PanelSet({
    context,
    viewType: "retune.evaluation",
    icon: "evaluation",
    nameOf,
    restore: (saved) => pageStateSchema.safeParse(saved).data?.file,
    adopt: (panel, file) => new EvaluationPanel(panel, file),
  });
}
