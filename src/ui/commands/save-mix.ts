/** Writes the model of one alpha of a sweep; a child process that can be cancelled. */
import path from "node:path";
import * as vscode from "vscode";
import type { SweepDefinition } from "../../protocol/sweep.ts";
import { runCli } from "../../runs/run-cli.ts";
import { DEFAULT_ALPHA, summariseSweep } from "../../runs/sweeps/summary.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { requireTrust } from "../trust.ts";
import { askOutput } from "./ask-output.ts";
import { sweepFrom } from "./pick-sweep.ts";
import { withCancel } from "./with-cancel.ts";

const TITLE = "Save This Model";

/** @returns the new model's folder; undefined when cancelled */
export async function saveMix(
  app: App,
  argument: unknown,
  chosenAlpha?: unknown,
): Promise<string | undefined> {
  requireTrust();
  const sweep = await sweepFrom(app, argument, {
    placeholder: "Save a model of which interpolation?",
    accepts: ({ definition }) => definition !== undefined,
    none: "There is no interpolation in this workspace yet.",
  });
  if (sweep === undefined) return undefined;
  const { definition, points } = sweep;
  if (!definition) throw new InputError(`${sweep.name} can't be read: ${sweep.problem ?? ""}`);
  const { recommended } = summariseSweep(definition, points);
  const alpha =
    typeof chosenAlpha === "number"
      ? chosenAlpha
      : await askAlpha(recommended?.alpha ?? DEFAULT_ALPHA);
  if (alpha === undefined) return undefined;
  const out = await askOutput({
    title: `${TITLE} (alpha ${alpha})`,
    prompt: "Folder for the mixed model; it must not exist yet",
    name: `${sweep.name}-alpha-${alpha}`,
    beside: definition.base,
  });
  if (out === undefined) return undefined;
  const args = ["interpolate", ...ends(definition), "--alpha", String(alpha), "--out", out];
  const done = await withCancel(`Mixing ${sweep.name} at alpha ${alpha}`, (signal, report) =>
    runCli({
      cliPath: app.cliPath,
      args,
      signal,
      onErrorOutput: (text) =>
        report(
          text
            .trim()
            .split(/[\r\n]/)
            .at(-1) ?? "",
        ),
    }),
  );
  if (!done) return undefined;
  app.log.info(`saved alpha ${alpha} of ${sweep.dir}: ${out}`);
  app.models.invalidate();
  void offerResult(out, alpha);
  return out;
}

function ends({ base, tuned, adapter }: SweepDefinition): string[] {
  return adapter === undefined ? [base, tuned ?? ""] : [base, "--adapter", adapter];
}

async function askAlpha(proposed: number): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: TITLE,
    prompt: "Alpha: 0 is the base, 1 the fine-tune",
    value: String(proposed),
    validateInput: (value) =>
      isAlpha(value) ? undefined : `A number from 0 to 1, please; found "${value}".`,
  });
  return text === undefined ? undefined : Number(text);
}

function isAlpha(text: string): boolean {
  return text.trim() !== "" && Number(text) >= 0 && Number(text) <= 1;
}

async function offerResult(out: string, alpha: number): Promise<void> {
  const message = `Saved: ${path.basename(out)} is the model at alpha ${alpha}.`;
  const chosen = await vscode.window.showInformationMessage(message, "Show Base Models");
  if (chosen) await vscode.commands.executeCommand("retune.models.focus");
}
