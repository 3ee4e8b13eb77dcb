/** `retune inspect --recipe`: what a run will take. */
import path from "node:path";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { placedInRecipe } from "../runs/recipe-lines.ts";
import { InputError } from "../util/errors.ts";
import { resolveRecipe } from "../runs/resolve-recipe.ts";
import {
  type Budget,
  type Calibration,
  budgetOf,
  calibrate,
  checkRunData,
} from "../trainer/budget.ts";
import { formatBytes, formatCount } from "../util/format.ts";
import { tightMemory, trainsText } from "../onnx-engine/budget-text.ts";
import { inspectByEngine } from "./inspect-by-engine.ts";
import { print, printError } from "./output.ts";
import { isBuiltIn } from "./trainers.ts";
import { placeIn } from "../util/message-place.ts";
import { largest } from "../util/largest.ts";

interface InspectRecipeOptions {
  json: boolean;
  /** Two real steps. */
  measure: boolean;
  /** All rows. */
  data: boolean;
}

/**
 * With `json`, a line for each thing that is known, as soon as it is: the budget, the data, or the problem.
 * @throws InputError naming the place in the recipe or in a data file
 */
export async function inspectRecipe(file: string, options: InspectRecipeOptions): Promise<void> {
  const recipeFile = path.resolve(file);
  try {
    await inspectResolved(file, await resolveRecipe(recipeFile), options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const message = await placedInRecipe(error.message, recipeFile);
    if (options.json && options.data) {
      print(JSON.stringify({ kind: "problem", message, ...placeIn(message) }));
    }
    throw new InputError(message, { cause: error });
  }
}

async function inspectResolved(
  file: string,
  recipe: ResolvedRecipe,
  { json, measure, data }: InspectRecipeOptions,
): Promise<void> {
  if (!isBuiltIn(recipe.engine)) return inspectByEngine(file, recipe, { json, measure });
  const log = data ? printError : () => {};
  const budget = await budgetOf(recipe, log);
  const calibration = measure ? await calibrate(recipe, () => {}) : undefined;
  if (json) print(JSON.stringify({ kind: "recipe", ...budget, ...calibration }));
  else for (const line of [`recipe ${file}`, ...describe(budget, calibration)]) print(line);
  const warning = tightMemory(budget);
  if (warning !== undefined) printError(warning);
  if (!data) return;
  const checked = await checkRunData(recipe, log);
  const { rows, evaluationRows, steps } = checked;
  print(
    json
      ? JSON.stringify({ kind: "data", ...checked })
      : `data: ${formatCount(rows)} rows to train on, ${formatCount(evaluationRows)} to evaluate on, ${formatCount(steps)} steps`,
  );
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
