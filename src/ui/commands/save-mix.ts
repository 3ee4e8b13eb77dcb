/** Writes the model of one alpha of a sweep; a child process that can be cancelled. */
import path from "node:path";
import * as vscode from "vscode";
import type { SweepDefinition } from "../../protocol/sweep.ts";
import { DEFAULT_ALPHA, summariseSweep } from "../../runs/sweeps/summary.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { requireTrust } from "../trust.ts";
import { askOutput } from "./ask-output.ts";
import { sweepFrom } from "./pick-sweep.ts";
import { writeModel } from "./write-model.ts";

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
  const isWritten = await writeModel(app, {
    title: `Mixing ${sweep.name} at alpha ${alpha}`,
    args: ["interpolate", ...ends(definition), "--alpha", String(alpha), "--out", out],
    message: `Saved: ${path.basename(out)} is the model at alpha ${alpha}.`,
  });
  return isWritten ? out : undefined;
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
