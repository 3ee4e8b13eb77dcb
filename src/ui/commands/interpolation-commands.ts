/** What can be done to an interpolation that is there: open, stop, continue, export, delete. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";
import { INTERPOLATION_FILES } from "../../protocol/interpolation.ts";
import { interpolationCsv, interpolationJson } from "../../runs/interpolations/export.ts";
import type { Interpolation } from "../../runs/interpolations/interpolation.ts";
import { InputError } from "../../util/errors.ts";
import { toFileName } from "../../util/format.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";
import { requireTrust } from "../trust.ts";
import { interpolationAbilities } from "../views/abilities.ts";
import { interpolationFrom } from "./pick-interpolation.ts";
import { openLog } from "./show.ts";

const START_LOOKS = 20;
const START_LOOK_MS = 250;
const NONE = 'There is no interpolation in this workspace yet: "Retune: Interpolate…" makes one.';
const can = (ability: string) => (interpolation: Interpolation) =>
  interpolationAbilities(interpolation).includes(ability);

export async function openInterpolation(app: App, argument: unknown): Promise<void> {
  const placeholder = "Open which interpolation?";
  const interpolation = await interpolationFrom(app, argument, {
    placeholder,
    accepts: () => true,
    none: NONE,
  });
  if (interpolation) app.labs.open(interpolation.dir);
}

export async function stopInterpolation(app: App, argument: unknown): Promise<void> {
  const interpolation = await interpolationFrom(app, argument, {
    placeholder: "Stop which interpolation? What it has measured stays.",
    accepts: can("stoppable"),
    none: "No interpolation is active.",
  });
  if (interpolation === undefined) return;
  await app.interpolationActions.stop(interpolation.dir);
  await app.interpolations.refresh();
}

export async function continueInterpolation(app: App, argument: unknown): Promise<void> {
  requireTrust();
  const interpolation = await interpolationFrom(app, argument, {
    placeholder: "Continue which interpolation? What it has measured is kept.",
    accepts: can("resumable"),
    none: "No interpolation can be continued: none was stopped, interrupted or failed.",
  });
  if (interpolation === undefined) return;
  app.interpolationNotifications.expect(interpolation);
  await app.interpolationActions.start(interpolation.dir);
  app.labs.open(interpolation.dir);
  void refreshUntilStarted(app, interpolation).catch((error: unknown) =>
    app.log.error(String(error)),
  );
}

/** One that has ended is looked at only now and then: its first words shall not wait for that. */
async function refreshUntilStarted(app: App, { dir, state }: Interpolation): Promise<void> {
  for (let look = 0; look < START_LOOKS; look++) {
    await setTimeout(START_LOOK_MS);
    await app.interpolations.refresh();
    if (app.interpolations.get(dir)?.state?.process?.pid !== state?.process?.pid) return;
  }
}

export async function showInterpolationLog(app: App, argument: unknown): Promise<void> {
  const placeholder = "The log of which interpolation?";
  const interpolation = await interpolationFrom(app, argument, {
    placeholder,
    accepts: () => true,
    none: NONE,
  });
  if (interpolation === undefined) return;
  await openLog(
    path.join(interpolation.dir, INTERPOLATION_FILES.log),
    `${interpolation.name} has not written a log yet`,
  );
}

export function exportInterpolationCsv(app: App, argument: unknown): Promise<void> {
  return exportInterpolation(app, argument, "csv");
}

export function exportInterpolationJson(app: App, argument: unknown): Promise<void> {
  return exportInterpolation(app, argument, "json");
}

async function exportInterpolation(
  app: App,
  argument: unknown,
  format: "csv" | "json",
): Promise<void> {
  const interpolation = await interpolationFrom(app, argument, {
    placeholder: "Export the points of which interpolation?",
    accepts: can("hasPoints"),
    none: "No interpolation has a point yet.",
  });
  if (interpolation === undefined) return;
  const { definition, points, name, dir } = interpolation;
  if (!definition)
    throw new InputError(`${name} can't be exported: ${interpolation.problem ?? ""}`);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.dirname(dir);
  const target = await vscode.window.showSaveDialog({
    title: `Export ${name}`,
    defaultUri: vscode.Uri.file(path.join(folder, `${toFileName(name)}.${format}`)),
    filters: format === "csv" ? { CSV: ["csv"] } : { JSON: ["json"] },
  });
  if (target === undefined) return;
  const text =
    format === "csv" ? interpolationCsv(definition, points) : interpolationJson(definition, points);
  await writeFile(target.fsPath, text);
  await vscode.window.showTextDocument(target, { preview: true });
}

export async function deleteInterpolation(app: App, argument: unknown): Promise<void> {
  const interpolation = await interpolationFrom(app, argument, {
    placeholder: "Delete which interpolation?",
    accepts: can("deletable"),
    none: "There is no interpolation to delete.",
  });
  if (interpolation === undefined) return;
  const chosen = await ask(
    `Delete interpolation "${interpolation.name}"?`,
    `Its points and log are removed from disk; models that you saved stay:\n${interpolation.dir}`,
    "Delete",
  );
  if (chosen !== "Delete") return;
  await app.interpolationActions.delete(interpolation.dir);
  await app.interpolations.refresh();
}
