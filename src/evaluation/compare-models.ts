/** Several models on several data files, side by side. */
import { resolveBase } from "../bases/load-base.ts";
import { baseLabel } from "../bases/references.ts";
import { openBaseModel } from "../models/base-model.ts";
import type { EvaluationResult } from "../protocol/evaluation.ts";
import { adaptedBase } from "../onnx-engine/load-adapter.ts";
import { type EvaluatorOptions, openEvaluator } from "./evaluate-file.ts";

interface Named {
  name: string;
  path: string;
}

/** A line of the table for each data file. */
export interface ComparedModel {
  name: string;
  /** As it was given: a folder or a .gguf file. */
  base: string;
  baseDir: string;
  adapterDir?: string | undefined;
}

/**
 * The models as they are; of one model and adapters it alone, then with each of them.
 * @throws InputError for a model or an adapter that can't be used
 */
export async function comparedModels(
  models: readonly Named[],
  adapters: readonly Named[],
  log: (line: string) => void,
): Promise<ComparedModel[]> {
  const compared: ComparedModel[] = [];
  for (const { name, path: base } of models) {
    const baseDir = await resolveBase(base, log);
    await openBaseModel(baseDir);
    compared.push({ name: baseLabel(name), base, baseDir });
  }
  const [only] = compared;
  if (!only || adapters.length === 0) return compared;
  const adapted: ComparedModel[] = [];
  const opened = await openBaseModel(only.baseDir);
  let hasOwnHead = false;
  for (const { name, path: adapterDir } of adapters) {
    hasOwnHead ||= (await adaptedBase(opened, adapterDir)).classifier !== opened.classifier;
    adapted.push({ ...only, name: `${only.name} + ${name}`, adapterDir });
  }
  if (!hasOwnHead) return [only, ...adapted];
  log(`${only.name} is left out: an adapter brings the head that labels, which it has not`);
  return adapted;
}

/** @throws InputError for a model, or naming file and line of a row, that can't be used */
export async function evaluateTable(
  models: readonly ComparedModel[],
  {
    data,
    evaluator: options,
    log,
  }: {
    data: readonly Named[];
    evaluator: Omit<EvaluatorOptions, "baseDir" | "adapterDir">;
    log: (line: string) => void;
  },
): Promise<EvaluationResult[]> {
  const results: EvaluationResult[] = [];
  for (const { name: model, base, baseDir, adapterDir } of models) {
    const evaluator = await openEvaluator({ ...options, baseDir, adapterDir });
    const adapter = adapterDir === undefined ? {} : { adapter: adapterDir };
    try {
      for (const { name, path: file } of data) {
        log(
          `evaluating ${model} on ${name} (${results.length + 1} of ${models.length * data.length})`,
        );
        const { figures } = await evaluator.evaluate(file);
        results.push({ model, data: name, ...figures, base, ...adapter, file });
      }
    } finally {
      await evaluator.dispose();
    }
  }
  return results;
}
