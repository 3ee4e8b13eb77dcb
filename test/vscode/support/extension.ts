import assert from "node:assert/strict";
import * as vscode from "vscode";
import type { RetuneApi } from "../../../src/extension.ts";
import type { Run } from "../../../src/run-folder/run.ts";
import { until } from "./until.ts";

const EXTENSION_ID = "retune.retune";

export function retuneExtension(): vscode.Extension<RetuneApi> {
  const extension = vscode.extensions.getExtension<RetuneApi>(EXTENSION_ID);
  assert.ok(extension, `${EXTENSION_ID} is installed`);
  return extension;
}

/** The live stores behind the views. */
export async function retune(): Promise<RetuneApi> {
  return retuneExtension().activate();
}

export function workspaceFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  assert.ok(folder, "the window has a folder open");
  return folder;
}

/** The run as the extension sees it, once `accepts` it. */
export async function runThat(
  runDir: string,
  accepts: (run: Run) => boolean,
  limitMs = 60_000,
): Promise<Run> {
  const { store } = await retune();
  return until(
    () => {
      const run = store.get(runDir);
      return run && accepts(run) ? run : undefined;
    },
    {
      limitMs,
      what: () => {
        const { status, state, problem } = store.get(runDir) ?? {};
        return `${runDir}: ${JSON.stringify({ status, state, problem })}`;
      },
    },
  );
}
