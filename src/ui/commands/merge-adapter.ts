/** Adapter → base → output folder; the merge itself is a child process that can be cancelled. */
import path from "node:path";
import type { App } from "../app.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import type { AdapterEntry } from "../catalogs/adapter-catalog.ts";
import { requireTrust } from "../trust.ts";
import { describeAdapter } from "../views/entry-text.ts";
import { asRow } from "../views/rows.ts";
import { askOutput } from "./ask-output.ts";
import { resolveBase } from "./pick-answerer.ts";
import { runDirOf } from "./pick-run.ts";
import { writeModel } from "./write-model.ts";
import { baseLabel } from "../../bases/references.ts";

const TITLE = "Merge Adapter into Base";

export async function mergeAdapter(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const named = await adapterFrom(app, argument);
  const answers = await askInSteps(TITLE, async (wizard) => {
    wizard.expect(named === undefined ? 2 : 1);
    const adapter = named ?? (await pickAdapter(app, wizard));
    const base = await resolveBase(app, wizard, adapter);
    const baseName = baseLabel(path.basename(base));
    const out = await askOutput(wizard, {
      prompt: "Folder for the merged model; it must not exist yet",
      name: `${baseName}-${adapter.label}`,
      beside: base,
    });
    return { adapter, base, out };
  });
  if (answers === undefined) return undefined;
  const { adapter, base, out } = answers;
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

async function pickAdapter(app: App, wizard: Wizard): Promise<AdapterEntry> {
  const usable = (await app.adapters.entries()).filter((adapter) => adapter.summary !== undefined);
  if (usable.length === 0) {
    wizard.refuse("There is no adapter to merge yet: a LoRA run makes one when it ends.");
  }
  return wizard.pick({
    placeHolder: "Merge which adapter?",
    choices: () =>
      usable.map((adapter) => ({
        id: adapter.path,
        label: adapter.label,
        description: describeAdapter(adapter),
        value: adapter,
      })),
  });
}
