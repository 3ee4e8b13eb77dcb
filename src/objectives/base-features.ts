/** What a head would read of rows in the base as it is, before anything is tuned or added. */
import type { Examples } from "../data/example.ts";
import { resolveBase } from "../bases/references.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { methodFacts } from "../protocol/methods.ts";
import { evaluateExamples } from "../training/evaluate.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../onnx-engine/training-engine.ts";
import { type BaseFeatures, featuresByRow } from "./classification/evaluation.ts";

/**
 * Opens the base a second time where the method has changed it already.
 * @param engine whose parameters are still those of the start
 */
export async function featuresOfBase(
  { base, method, data, threads }: ResolvedRecipe,
  engine: OnnxTrainingEngine,
  rows: Examples,
): Promise<BaseFeatures> {
  if (rows.length === 0) return new Map();
  if (methodFacts(method).startsAsBase)
    return featuresByRow((await evaluateExamples(engine, rows)).answers);
  const untouched = await openEvaluationEngine({
    baseDir: await resolveBase(base),
    emptyHead: engine.classifier,
    maxLength: data.maxLength,
    threads,
    device: engine.device,
  });
  try {
    return featuresByRow((await evaluateExamples(untouched, rows)).answers);
  } finally {
    await untouched.dispose();
  }
}
