/** Writes the model of one alpha of an interpolation; a child process that can be cancelled. */
import path from "node:path";
import type { InterpolationDefinition } from "../../protocol/interpolation.ts";
import { DEFAULT_ALPHA, summariseInterpolation } from "../../runs/interpolations/summary.ts";
import { InputError } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import { requireTrust } from "../trust.ts";
import { askOutput } from "./ask-output.ts";
import { interpolationFrom } from "./pick-interpolation.ts";
import { writeModel } from "./write-model.ts";
import { parseDecimal } from "../../util/parse-decimal.ts";

const TITLE = "Save This Model";

/** @returns the new model's folder; undefined when cancelled */
export async function saveMix(
  app: App,
  argument: unknown,
  chosenAlpha?: unknown,
): Promise<string | undefined> {
  requireTrust();
  const interpolation = await interpolationFrom(app, argument, {
    placeholder: "Save a model of which interpolation?",
    accepts: ({ definition }) => definition !== undefined,
    none: "There is no interpolation in this workspace yet.",
  });
  if (interpolation === undefined) return undefined;
  const { definition, points } = interpolation;
  if (!definition)
    throw new InputError(`${interpolation.name} can't be read: ${interpolation.problem ?? ""}`);
  const { recommended } = summariseInterpolation(definition, points);
  const answers = await askInSteps(TITLE, async (wizard) => {
    const isKnown = typeof chosenAlpha === "number";
    wizard.expect(isKnown ? 1 : 2);
    const alpha = isKnown
      ? chosenAlpha
      : await askAlpha(wizard, recommended?.alpha ?? DEFAULT_ALPHA);
    const out = await askOutput(wizard, {
      prompt: `Folder for the model of alpha ${alpha}; it must not exist yet`,
      name: `${interpolation.name}-alpha-${alpha}`,
      beside: definition.base,
    });
    return { alpha, out };
  });
  if (answers === undefined) return undefined;
  const { alpha, out } = answers;
  const isWritten = await writeModel(app, {
    title: `Mixing ${interpolation.name} at alpha ${alpha}`,
    args: ["interpolate", ...ends(definition), "--alpha", String(alpha), "--out", out],
    message: `Saved: ${path.basename(out)} is the model at alpha ${alpha}.`,
  });
  return isWritten ? out : undefined;
}

function ends({ base, tuned, adapter }: InterpolationDefinition): string[] {
  return adapter === undefined ? [base, tuned ?? ""] : [base, "--adapter", adapter];
}

async function askAlpha(wizard: Wizard, proposed: number): Promise<number> {
  const text = await wizard.input({
    prompt: "Alpha: 0 is the base, 1 the fine-tune",
    value: String(proposed),
    validate: (value) =>
      isAlpha(value) ? undefined : `A number from 0 to 1, please; found "${value}".`,
  });
  return Number(text);
}

function isAlpha(text: string): boolean {
  const alpha = parseDecimal(text);
  return alpha !== undefined && alpha >= 0 && alpha <= 1;
}
