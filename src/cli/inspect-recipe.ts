/** `retune inspect --recipe`: what a run will take. */
import path from "node:path";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { placedInRecipe } from "../runs/recipe-lines.ts";
import { InputError } from "../util/errors.ts";
import { resolveRecipe } from "../runs/resolve-recipe.ts";
import { type Budget, type Calibration, budgetOf, calibrate } from "../trainer/budget.ts";
import { formatBytes, formatCount } from "../util/format.ts";
import { tightMemory, trainsText } from "../trainer/budget-text.ts";
import { print, printError } from "./output.ts";
import { largest } from "../util/largest.ts";

export async function inspectRecipe(
  file: string,
  { json, measure }: { json: boolean; measure: boolean },
): Promise<void> {
  const recipe = await resolveRecipe(path.resolve(file));
  const { budget, calibration } = await budgets(recipe, measure).catch(async (error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(await placedInRecipe(error.message, path.resolve(file)), { cause: error });
  });
  if (json) print(JSON.stringify({ kind: "recipe", ...budget, ...calibration }));
  else for (const line of [`recipe ${file}`, ...describe(budget, calibration)]) print(line);
  const warning = tightMemory(budget);
  if (warning !== undefined) printError(warning);
}

async function budgets(
  recipe: ResolvedRecipe,
  measure: boolean,
): Promise<{ budget: Budget; calibration: Calibration | undefined }> {
  const budget = await budgetOf(recipe, () => {});
  return { budget, calibration: measure ? await calibrate(recipe, () => {}) : undefined };
}

const PARTS: Record<keyof Budget["bytes"], string> = {
  weights: "weights",
  packedWeights: "weights packed for speed",
  activations: "activations",
  gradients: "gradients",
  optimizer: "trained tensors and optimizer",
  process: "the process itself",
};

function describe(budget: Budget, calibration: Calibration | undefined): string[] {
  const { trainableParameters: trained, totalParameters: total, bytes, predictedBytes } = budget;
  const width = largest(Object.values(PARTS).map((name) => name.length));
  const row = (name: string, size: number): string =>
    `  ${name.padEnd(width)}  ${formatBytes(size).padStart(8)}`;
  const parts = Object.entries(PARTS).map(([part, name]) =>
    row(name, bytes[part as keyof typeof PARTS]),
  );
  return [
    trainsText(trained, total),
    `memory mode ${budget.memoryMode}, predicted peak:`,
    ...parts,
    row("together", predictedBytes),
    `${formatBytes(budget.availableBytes)} are free`,
    ...(calibration ? measured(calibration) : []),
  ];
}

function measured({ stepSeconds, steps, totalSeconds, measuredBytes }: Calibration): string[] {
  const minutes = totalSeconds / 60;
  const total = minutes < 2 ? `${totalSeconds.toFixed(0)} s` : `${minutes.toFixed(0)} min`;
  return [
    `measured: ${stepSeconds.toPrecision(2)} s a step, ${formatCount(steps)} steps in about ${total}, peak ${formatBytes(measuredBytes)}`,
  ];
}
