/** The rows of a run, and what they decide. What can be refused of them is refused here, before anything is compiled. */
import { splitExamples } from "../data/batches.ts";
import type { Examples } from "../data/example.ts";
import { loadTokenizer } from "../data/tokenizer.ts";
import { methodForRows } from "../methods/registry.ts";
import type { BaseModel } from "../models/base-model.ts";
import { objectiveOf } from "../objectives/registry.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { type PlanOptions, type TrainingPlan, planTraining } from "../training/training-plan.ts";
import { InputError } from "../util/errors.ts";

type Log = (line: string) => void;
type Data = Pick<ResolvedRecipe, "objective" | "data" | "seed">;

export interface RunRows {
  train: Examples;
  /** Empty when there is nothing to evaluate on. */
  evaluation: Examples;
  /** Which of `train` each step takes. */
  plan: TrainingPlan;
  /** The recipe's, with what the rows decide. */
  method: ResolvedRecipe["method"];
}

/** @throws InputError naming file and line */
export async function readRows(
  base: BaseModel,
  recipe: Data & PlanOptions & Pick<ResolvedRecipe, "method">,
  log: Log,
): Promise<RunRows> {
  const files = await readFiles(base, recipe, log);
  const { train, evaluation } = files.evaluation
    ? { train: files.train, evaluation: files.evaluation }
    : heldOut(files.train, recipe, log);
  const plan = planTraining(train, recipe);
  const method = methodForRows(recipe.method, train, { file: recipe.data.train, log });
  return { train, evaluation, plan, method };
}

/** The rows of data.train and of data.eval, where there is one. */
async function readFiles(
  base: BaseModel,
  recipe: Data,
  log: Log,
): Promise<{ train: Examples; evaluation?: Examples }> {
  const { objective, data } = recipe;
  const tokenizer = await loadTokenizer(base.dir);
  const read = (file: string): Promise<Examples> =>
    objectiveOf(recipe).loadRows(objective, file, { tokenizer, base, data, log });
  try {
    const train = await read(data.train);
    return data.eval === undefined ? { train } : { train, evaluation: await read(data.eval) };
  } finally {
    // Its memory is needed for what comes next.
    await tokenizer.chatTemplate?.close();
  }
}

/** As data.evalSplit has it. */
function heldOut(
  rows: Examples,
  { data, seed }: Data,
  log: Log,
): Pick<RunRows, "train" | "evaluation"> {
  if (data.evalSplit === undefined) return { train: rows, evaluation: [] };
  if (rows.length < 2) {
    throw new InputError(
      `${data.train}: one usable row can't be split by data.evalSplit; give data.eval, or leave evalSplit out`,
    );
  }
  const split = splitExamples(rows, { share: data.evalSplit, seed });
  log(`held out ${split.evaluation.length} of ${rows.length} rows for evaluation`);
  return split;
}
