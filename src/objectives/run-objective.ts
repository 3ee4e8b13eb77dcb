/** What a recipe's objective makes of its base and its data. */
import { describeReport } from "../data/dataset-report.ts";
import { type Dataset, loadDataset } from "../data/dataset.ts";
import { loadLabelledRows, readLabels } from "../data/labelled-rows.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import { type BaseModel, asClassifier } from "../models/base-model.ts";
import type { Objective } from "../protocol/objectives.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import { InputError } from "../util/errors.ts";

/**
 * The base with the head that the objective trains; labels are the training data's.
 * @throws InputError where base and objective do not fit
 */
export async function headedBase(
  { objective, data }: ResolvedRecipe,
  base: BaseModel,
): Promise<BaseModel> {
  if (objective.type === "classification") {
    const { problem, pooling } = objective;
    const found = await readLabels(data.train, problem);
    const own = base.classifier?.problem === problem ? base.classifier.labels : [];
    // A head that knows all of them goes on as it is.
    const labels = found.every((label) => own.includes(label)) ? own : found;
    return asClassifier(base, { labels, problem, pooling });
  }
  if (!base.classifier) return base;
  throw new InputError(
    `${base.dir} is a classifier, without a head for tokens; choose objective classification, or another base`,
  );
}

/** @throws InputError naming file and line */
export async function loadRows(
  file: string,
  options: {
    tokenizer: Tokenizer;
    vocabSize: number;
    objective: Objective;
    data: ResolvedRecipe["data"];
    labels: readonly string[];
    log: (line: string) => void;
  },
): Promise<Pick<Dataset, "examples">> {
  const { tokenizer, vocabSize, objective, data, labels, log } = options;
  const { format, maxLength, overlong } = data;
  if (objective.type === "classification") {
    const { problem } = objective;
    const shared = { tokenizer, vocabSize, problem, labels, maxLength, overlong };
    const { examples, report } = await loadLabelledRows(file, shared);
    for (const line of report) log(line);
    return { examples };
  }
  const { lossOn } = objective;
  const rows = { tokenizer, vocabSize, format, lossOn, maxLength, overlong };
  const dataset = await loadDataset(file, rows);
  for (const line of describeReport(file, dataset.report)) log(line);
  return dataset;
}
