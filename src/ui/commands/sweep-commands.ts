/** What can be done to a sweep that is there: open, stop, continue, export, delete. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import * as vscode from "vscode";
import { SWEEP_FILES } from "../../protocol/sweep.ts";
import { sweepCsv, sweepJson } from "../../runs/sweeps/export.ts";
import type { Sweep } from "../../runs/sweeps/sweep.ts";
import { InputError } from "../../util/errors.ts";
import { toFileName } from "../../util/format.ts";
import type { App } from "../app.ts";
import { ask } from "../say.ts";
import { requireTrust } from "../trust.ts";
import { sweepAbilities } from "../views/sweep-item.ts";
import { sweepFrom } from "./pick-sweep.ts";
import { openLog } from "./show.ts";

const START_LOOKS = 20;
const START_LOOK_MS = 250;
const NONE = 'There is no interpolation in this workspace yet: "Retune: Interpolate…" makes one.';
const can = (ability: string) => (sweep: Sweep) => sweepAbilities(sweep).includes(ability);

export async function openSweep(app: App, argument: unknown): Promise<void> {
  const placeholder = "Open which interpolation?";
  const sweep = await sweepFrom(app, argument, { placeholder, accepts: () => true, none: NONE });
  if (sweep) app.labs.open(sweep.dir);
}

export async function stopSweep(app: App, argument: unknown): Promise<void> {
  const sweep = await sweepFrom(app, argument, {
    placeholder: "Stop which interpolation? What it has measured stays.",
    accepts: can("stoppable"),
    none: "No interpolation is active.",
  });
  if (sweep === undefined) return;
  await app.sweepActions.stop(sweep.dir);
  await app.sweeps.refresh();
}

export async function continueSweep(app: App, argument: unknown): Promise<void> {
  requireTrust();
  const sweep = await sweepFrom(app, argument, {
    placeholder: "Continue which interpolation? What it has measured is kept.",
    accepts: can("resumable"),
    none: "No interpolation can be continued: none was stopped, interrupted or failed.",
  });
  if (sweep === undefined) return;
  app.sweepNotifications.expect(sweep);
  await app.sweepActions.start(sweep.dir);
  app.labs.open(sweep.dir);
  void refreshUntilStarted(app, sweep).catch((error: unknown) => app.log.error(String(error)));
}

/** One that has ended is looked at only now and then: its first words shall not wait for that. */
async function refreshUntilStarted(app: App, { dir, state }: Sweep): Promise<void> {
  for (let look = 0; look < START_LOOKS; look++) {
    await setTimeout(START_LOOK_MS);
    await app.sweeps.refresh();
    if (app.sweeps.get(dir)?.state?.process?.pid !== state?.process?.pid) return;
  }
}

export async function showSweepLog(app: App, argument: unknown): Promise<void> {
  const placeholder = "The log of which interpolation?";
  const sweep = await sweepFrom(app, argument, { placeholder, accepts: () => true, none: NONE });
  if (sweep === undefined) return;
  await openLog(path.join(sweep.dir, SWEEP_FILES.log), `${sweep.name} has not written a log yet`);
}

export function exportSweepCsv(app: App, argument: unknown): Promise<void> {
  return exportSweep(app, argument, "csv");
}

export function exportSweepJson(app: App, argument: unknown): Promise<void> {
  return exportSweep(app, argument, "json");
}

async function exportSweep(app: App, argument: unknown, format: "csv" | "json"): Promise<void> {
  const sweep = await sweepFrom(app, argument, {
    placeholder: "Export the points of which interpolation?",
    accepts: can("hasPoints"),
    none: "No interpolation has a point yet.",
  });
  if (sweep === undefined) return;
  const { definition, points, name, dir } = sweep;
  if (!definition) throw new InputError(`${name} can't be exported: ${sweep.problem ?? ""}`);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? path.dirname(dir);
  const target = await vscode.window.showSaveDialog({
    title: `Export ${name}`,
    defaultUri: vscode.Uri.file(path.join(folder, `${toFileName(name)}.${format}`)),
    filters: format === "csv" ? { CSV: ["csv"] } : { JSON: ["json"] },
  });
  if (target === undefined) return;
  const text = format === "csv" ? sweepCsv(definition, points) : sweepJson(definition, points);
  await writeFile(target.fsPath, text);
  await vscode.window.showTextDocument(target, { preview: true });
}

export async function deleteSweep(app: App, argument: unknown): Promise<void> {
  const sweep = await sweepFrom(app, argument, {
    placeholder: "Delete which interpolation?",
    accepts: can("deletable"),
    none: "There is no interpolation to delete.",
  });
  if (sweep === undefined) return;
  const chosen = await ask(
    `Delete interpolation "${sweep.name}"?`,
    `Its points and log are removed from disk; models that you saved stay:\n${sweep.dir}`,
    "Delete",
  );
  if (chosen !== "Delete") return;
  await app.sweepActions.delete(sweep.dir);
  await app.sweeps.refresh();
}
