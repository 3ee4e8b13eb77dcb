import path from "node:path";
import type { App } from "../app.ts";
import { pickOne } from "../ask/wizard.ts";
import { sayInformation, sayWarning } from "../say.ts";
import { modelFolders, setModelFolders } from "../settings.ts";
import { asRow } from "../views/rows.ts";
import { findModelsBelow } from "../catalogs/model-folders.ts";
import { pickPath } from "./pick-path.ts";
import { offeredFiles } from "../../bases/references.ts";

export async function addModelFolder(app: App, argument: unknown): Promise<void> {
  const folder =
    typeof argument === "string"
      ? path.resolve(argument)
      : await pickPath({ title: "Model folder", openLabel: "Add Model Folder", folders: true });
  if (folder === undefined) return;
  if (!modelFolders().includes(folder)) await setModelFolders([...modelFolders(), folder]);
  app.models.invalidate();
  const found = await findModelsBelow(folder);
  if (found.length > 0) return;
  const extensions = offeredFiles()
    .map(({ extension }) => `.${extension}`)
    .join(", ");
  void sayWarning(
    `No base model lies in ${folder} (yet): looked for config.json with .safetensors, and ${extensions} files.`,
  );
}

export async function removeModelFolder(app: App, argument: unknown): Promise<void> {
  const row = asRow(argument);
  const named = row?.kind === "model" ? row.model.modelFolder : undefined;
  const folder = named ?? (await pickAddedFolder());
  if (folder === undefined) return;
  await setModelFolders(modelFolders().filter((item) => item !== folder));
  app.models.invalidate();
}

async function pickAddedFolder(): Promise<string | undefined> {
  if (modelFolders().length === 0) {
    void sayInformation("No model folder was added.");
    return undefined;
  }
  const placeHolder = "Remove which folder from the list? Nothing is deleted from disk.";
  return pickOne("", {
    placeHolder,
    choices: () => modelFolders().map((folder) => ({ label: folder, value: folder })),
  });
}

export async function refresh(app: App): Promise<void> {
  app.models.invalidate();
  app.adapters.invalidate();
  await app.store.refresh();
}
