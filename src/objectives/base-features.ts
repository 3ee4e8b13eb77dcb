/** What a head would read of rows in the base as it is, before anything is tuned or added. */
import type { Examples } from "../data/example.ts";
import { resolveBase } from "../models/base-model.ts";
import type { Method, ResolvedRecipe } from "../protocol/recipe.ts";
import { evaluateExamples } from "../training/evaluate.ts";
import { type OnnxTrainingEngine, openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import { type BaseFeatures, featuresByRow } from "./classification/evaluation.ts";

/** Whether training starts at the base's own hidden states: drawn tokens and interventions change them. */
export function startsAsBase({ type }: Method): boolean {
  switch (type) {
    case "prompt-tuning":
    case "prefix-tuning":
    case "loreft":
    case "direft":
    case "noreft":
      return false;
    case "lora":
    case "ia3":
    case "freeze":
    case "head":
    case "full":
      return true;
  }
}

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
  if (startsAsBase(method)) return featuresByRow((await evaluateExamples(engine, rows)).answers);
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
