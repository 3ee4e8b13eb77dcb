/** Labels of whole rows: a new head on pooled hidden states, tuned with whatever the method trains. */
import { loadLabelledRows, readLabels } from "../data/labelled-rows.ts";
import type { Examples } from "../data/example.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { asClassifier } from "../models/base-model.ts";
import type { ClassifierEvaluation } from "../protocol/evaluation.ts";
import { methodFacts } from "../protocol/methods.ts";
import {
  type Classification,
  classification as facts,
} from "../protocol/objectives/classification.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import {
  type BaseFeatures,
  classifierEvaluation,
  featureDistortion,
  featuresByRow,
} from "./classification/evaluation.ts";
import { classificationHead } from "./classification/head.ts";
import { probeHead } from "./classification/probe.ts";
import type { PassOptions, TrainingEngine } from "./engine.ts";
import { evaluateExamples } from "./evaluate-examples.ts";
import type { EvaluationOutcome, FirstStep, Learning, Objective } from "./objective.ts";
import { weightedStep } from "./weighted-step.ts";

/** Labels are the training data's. */
export const classification: Objective<Classification> = {
  name: facts.name,
  headed: async ({ problem, pooling }, base, { train }) => {
    const found = await readLabels(train, problem);
    const own = base.classifier?.problem === problem ? base.classifier.labels : [];
    // A head that knows all of them goes on as it is.
    const labels = found.every((label) => own.includes(label)) ? own : found;
    return asClassifier(base, { labels, problem, pooling });
  },
  rowHead: ({ classifier }) => classifier && classificationHead(classifier),
  loadRows: async ({ problem }, file, { tokenizer, base, data, log }) => {
    const { maxLength, overlong } = data;
    const { vocabSize } = base.architecture;
    const labels = base.classifier?.labels ?? [];
    const shared = { tokenizer, vocabSize, problem, labels, maxLength, overlong };
    const { examples, report } = await loadLabelledRows(file, shared);
    for (const line of report) log(line);
    return examples;
  },
  begin: ({ probe }, recipe, { classifier }) => {
    if (!classifier) throw new Error("internal: no classification head");
    return new LearningLabels(recipe, classifier, probe);
  },
};

class LearningLabels implements Learning {
  readonly #recipe: ResolvedRecipe;
  readonly #classifier: Classifier;
  readonly #probe: Classification["probe"];
  readonly step = weightedStep;
  /** What the head read of the evaluation rows in the base as it is. */
  #baseFeatures: BaseFeatures | undefined;

  constructor(recipe: ResolvedRecipe, classifier: Classifier, probe: Classification["probe"]) {
    this.#recipe = recipe;
    this.#classifier = classifier;
    this.#probe = probe;
  }

  /**
   * LP-FT probes the head; a run that goes on, or whose method starts elsewhere, looks at what the head reads of
   * the evaluation rows. The others learn it by the evaluation before the first step.
   */
  async beforeFirstStep(start: FirstStep): Promise<void> {
    const { engine, train, evaluation, goesOn, phase } = start;
    const { method, seed } = this.#recipe;
    const { startsAsBase } = methodFacts(method);
    if (goesOn || !startsAsBase) {
      this.#baseFeatures = await featuresOf(engine, evaluation, { reference: !startsAsBase });
    }
    if (goesOn || !this.#probe) return;
    await phase("probing the head");
    const [classifier, probe] = [this.#classifier, this.#probe];
    await probeHead(engine, train, { ...start, classifier, probe, seed });
  }

  async evaluate(
    engine: TrainingEngine,
    rows: Examples,
    { step }: { step: number },
  ): Promise<EvaluationOutcome> {
    const { loss, answers } = await evaluateExamples(engine, rows);
    this.#baseFeatures ??= featuresByRow(answers);
    const distortion = featureDistortion(answers, this.#baseFeatures);
    const report: ClassifierEvaluation = {
      step,
      ...classifierEvaluation(answers, this.#classifier, loss),
      ...(distortion ? { featureDistortion: distortion } : {}),
    };
    return { loss, figures: figuresOf(report), report };
  }
}

function figuresOf(report: ClassifierEvaluation): Record<string, number> {
  if (report.problem === "regression") return {};
  return { evalAccuracy: report.accuracy, evalMacroF1: report.macroF1 };
}

async function featuresOf(
  engine: TrainingEngine,
  rows: Examples,
  options: PassOptions,
): Promise<BaseFeatures> {
  if (rows.length === 0) return new Map();
  const { answers } = await evaluateExamples(engine, rows, options);
  if (options.reference) await engine.releaseReference();
  return featuresByRow(answers);
}
