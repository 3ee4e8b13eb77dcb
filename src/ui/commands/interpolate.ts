/** Ends → data and what each is for → alphas; the interpolation itself is a detached process. */
import path from "node:path";
import {
  createInterpolation,
  endName,
  parseAlphas,
} from "../../runs/interpolations/create-interpolation.ts";
import { errorMessage } from "../../util/errors.ts";
import type { App } from "../app.ts";
import { askInSteps, type Wizard } from "../ask/wizard.ts";
import { requireTrust } from "../trust.ts";
import { pickEnds } from "./pick-ends.ts";
import { pickEvaluation } from "./pick-evaluation.ts";

const TITLE = "Interpolate";
const DEFAULT_ALPHAS = "0:1:0.1";

/** @returns the interpolation's folder; undefined when cancelled */
export async function interpolate(app: App, argument: unknown): Promise<string | undefined> {
  requireTrust();
  const answers = await askInSteps(TITLE, async (wizard) => {
    const ends = await pickEnds(app, wizard, argument);
    const data = await pickEvaluation(wizard, ends.run);
    return { ends, data, alphas: await askAlphas(wizard) };
  });
  if (answers === undefined) return undefined;
  const { ends, data, alphas } = answers;
  const { run, ...models } = ends;
  const maxLength = run?.recipe?.data.maxLength;
  const interpolationsDir = await app.roots.forInterpolation(
    path.resolve(models.tuned ?? models.adapter ?? ""),
  );
  // The folder that a run's result lies in has a date in its name; the run itself has none.
  const name = run && `${endName(models.base)} to ${run.name}`;
  const interpolationDir = await createInterpolation(
    { ...models, name, data, alphas, maxLength },
    { interpolationsDir },
  );
  await app.interpolationActions.start(interpolationDir);
  await app.interpolations.refresh();
  app.log.info(`interpolation started: ${interpolationDir}`);
  app.labs.open(interpolationDir);
  return interpolationDir;
}

async function askAlphas(wizard: Wizard): Promise<number[]> {
  const text = await wizard.input({
    prompt: "Alphas as FROM:TO:STEP; 0 is the base, 1 the fine-tune",
    value: DEFAULT_ALPHAS,
    validate: (value) => {
      try {
        return { note: `${parseAlphas(value).length} models to mix and evaluate` };
      } catch (error) {
        return errorMessage(error);
      }
    },
  });
  return parseAlphas(text);
}
