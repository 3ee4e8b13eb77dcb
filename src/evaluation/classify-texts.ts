/** What a classifier says of texts. */
import { unlabelledExamples } from "../data/labelled-rows.ts";
import { openBaseModel } from "../models/base-model.ts";
import { evaluateExamples } from "../objectives/evaluate-examples.ts";
import { adaptedBase } from "../onnx-engine/load-adapter.ts";
import { givenLabels, labelValues } from "../objectives/classification/head.ts";
import { InputError } from "../util/errors.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import { openEvaluated } from "./evaluate-file.ts";

export interface PlacedText {
  text: string;
  /** For messages. */
  place: string;
}

/** The labels that a text is given and the chance of each, the likeliest first; of regression a value. */
export type Classified =
  | { text: string; value: number }
  | { text: string; labels: string[]; scores: { label: string; probability: number }[] };

type Options = Parameters<typeof openEvaluated>[1];

/**
 * @param tell gets each text in the order in which they come
 * @throws InputError for a model that is no classifier, or gives NaN
 */
export async function classify(
  options: Options,
  chunks: AsyncIterable<readonly PlacedText[]>,
  tell: (one: Classified) => void,
): Promise<void> {
  const { baseDir, adapterDir } = options;
  const base = await adaptedBase(await openBaseModel(baseDir), adapterDir);
  const { classifier } = base;
  if (!classifier) {
    throw new InputError(
      `${adapterDir ?? baseDir} is no classifier: it has no head that labels text; "retune generate" lets it write`,
    );
  }
  const opened = await openEvaluated(base, options);
  try {
    for await (const texts of chunks) {
      const examples = await unlabelledExamples(texts, opened);
      const { answers } = await evaluateExamples(opened.engine, examples);
      // They come by length.
      const logits = new Map(answers.map((answer) => [answer.example, answer.logits]));
      examples.forEach((example, index) => {
        const own = logits.get(example);
        if (!own) throw new Error("internal: a text came back without logits");
        tell(classified(texts[index]?.text ?? "", own, classifier));
      });
    }
  } finally {
    await opened.engine.dispose();
  }
}

function classified(
  text: string,
  logits: Float32Array,
  { labels, problem }: Classifier,
): Classified {
  const values = labelValues(logits, problem);
  if (values.some((value) => !Number.isFinite(value))) {
    throw new InputError(
      "the probabilities are no numbers: the model's weights hold NaN or its values overflow",
    );
  }
  if (problem === "regression") return { text, value: values[0] ?? 0 };
  const scores = labels.map((label, index) => ({ label, probability: values[index] ?? 0 }));
  return {
    text,
    labels: givenLabels(logits, problem).map((index) => labels[index] ?? ""),
    scores: scores.toSorted((a, b) => b.probability - a.probability),
  };
}
