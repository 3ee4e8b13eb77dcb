/** Supervised fine-tuning: the mean cross-entropy of the tokens that the data count. */
import { describeReport } from "../data/dataset-report.ts";
import { loadDataset } from "../data/dataset.ts";
import { startTemplates } from "../data/templates/early-start.ts";
import { headObjectives } from "../protocol/objectives.ts";
import { type SftObjective, sft as facts } from "../protocol/objectives/sft.ts";
import { InputError } from "../util/errors.ts";
import { evaluateExamples } from "./evaluate-examples.ts";
import type { Objective } from "./objective.ts";
import { weightedStep } from "./weighted-step.ts";

export const sft: Objective<SftObjective> = {
  name: facts.name,
  headed: async (_objective, base) => {
    if (!base.classifier) return base;
    throw new InputError(
      `${base.dir} is a classifier, without a head for tokens; choose objective ${headObjectives()}, or another base`,
    );
  },
  readAhead: ({ train, format }, baseDir) => {
    void startTemplates(train, { format, modelDirs: [baseDir] });
  },
  loadRows: async ({ lossOn }, file, { tokenizer, base, data, log }) => {
    const { format, maxLength, overlong } = data;
    const { vocabSize } = base.architecture;
    const rows = { tokenizer, vocabSize, format, lossOn, maxLength, overlong };
    const { examples, report } = await loadDataset(file, rows);
    for (const line of describeReport(file, report)) log(line);
    return examples;
  },
  begin: () => ({
    step: weightedStep,
    evaluate: async (engine, rows) => {
      const { loss, accuracy } = await evaluateExamples(engine, rows);
      return { loss, figures: { evalAccuracy: accuracy } };
    },
  }),
};
