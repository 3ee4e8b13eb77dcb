/** Adapter → base → output folder; the merge itself is a child process that can be cancelled. */
import path from "node:path";
import * as vscode from "vscode";
import type { App } from "../app.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { requireTrust } from "../trust.ts";
import { describeAdapter } from "../views/adapters-tree.ts";
import { asRow } from "../views/rows.ts";
import { askOutput } from "./ask-output.ts";
import { resolveBase } from "./pick-generator.ts";
import { runDirOf } from "./pick-run.ts";
import { writeModel } from "./write-model.ts";

const TITLE = "Merge Adapter into Base";

export async function mergeAdapter(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const adapter = (await adapterFrom(app, argument)) ?? (await pickAdapter(app));
  if (adapter === undefined) return undefined;
  const base = await resolveBase(app, adapter);
  if (base === undefined) return undefined;
  const baseName = path.basename(base).replace(/\.gguf$/i, "");
  const out = await askOutput({
    title: TITLE,
    prompt: "Folder for the merged model; it must not exist yet",
    name: `${baseName}-${adapter.label}`,
    beside: base,
  });
  if (out === undefined) return undefined;
  const isWritten = await writeModel(app, {
    title: `Merging ${adapter.label} into ${path.basename(base)}`,
    args: ["merge", base, "--adapter", adapter.path, "--out", out],
    message: `Merged: ${path.basename(out)} is a whole model now.`,
  });
  return isWritten ? out : undefined;
}

async function adapterFrom(app: App, argument: unknown): Promise<AdapterEntry | undefined> {
  const row = asRow(argument);
  if (row?.kind === "adapter") return row.adapter;
  const runDir = runDirOf(argument);
  if (runDir === undefined) return undefined;
  return (await app.adapters.entries()).find((adapter) => adapter.runDir === runDir);
}

async function pickAdapter(app: App): Promise<AdapterEntry | undefined> {
  const usable = (await app.adapters.entries()).filter((adapter) => adapter.summary !== undefined);
  if (usable.length === 0) {
    void vscode.window.showInformationMessage(
      "There is no adapter to merge yet: a LoRA run makes one when it ends.",
    );
    return undefined;
  }
  const items = usable.map((adapter) => ({
    label: adapter.label,
    description: describeAdapter(adapter),
    adapter,
  }));
  const placeHolder = "Merge which adapter?";
  return (await vscode.window.showQuickPick(items, { title: TITLE, placeHolder }))?.adapter;
}
