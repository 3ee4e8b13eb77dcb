import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { Wizard } from "../ask/wizard.ts";
import { toFileName } from "../../util/format.ts";

export interface OutputQuestion {
  prompt: string;
  /** Proposed for the folder, in `models` of the workspace. */
  name: string;
  /** Without a workspace, `models` is looked for beside this. */
  beside: string;
}

/** A folder for a model that is to be written. */
export async function askOutput(wizard: Wizard, question: OutputQuestion): Promise<string> {
  const { prompt, name, beside } = question;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.dirname(beside);
  const proposal = path.join(folder, "models", toFileName(name));
  const out = await wizard.input({
    prompt,
    value: proposal,
    valueSelection: [proposal.length - path.basename(proposal).length, proposal.length],
    validate: async (value) => {
      if (!path.isAbsolute(value.trim())) return "An absolute path, please.";
      const exists = await stat(value.trim()).catch(() => undefined);
      return exists ? "That exists already: choose another name." : undefined;
    },
  });
  return path.resolve(out.trim());
}
