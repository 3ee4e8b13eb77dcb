import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { toFileName } from "../../util/format.ts";

export interface OutputQuestion {
  title: string;
  prompt: string;
  /** Proposed for the folder, in `models` of the workspace. */
  name: string;
  /** Without a workspace, `models` is looked for beside this. */
  beside: string;
}

/** A folder for a model that is to be written; undefined when cancelled. */
export async function askOutput(question: OutputQuestion): Promise<string | undefined> {
  const { title, prompt, name, beside } = question;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.dirname(beside);
  const proposal = path.join(folder, "models", toFileName(name));
  const out = await vscode.window.showInputBox({
    title,
    prompt,
    value: proposal,
    valueSelection: [proposal.length - path.basename(proposal).length, proposal.length],
    ignoreFocusOut: true,
    validateInput: async (value) => {
      if (!path.isAbsolute(value.trim())) return "An absolute path, please.";
      const exists = await stat(value.trim()).catch(() => undefined);
      return exists ? "That exists already: choose another name." : undefined;
    },
  });
  return out === undefined ? undefined : path.resolve(out.trim());
}
