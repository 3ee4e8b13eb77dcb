/**
 * A causal language model with a classification head in the place of its own, as transformers'
 * …ForSequenceClassification: `score` [labels, C] without bias on the pooled hidden state.
 */
import type { CausalLm } from "../graph/causal-lm.ts";
import type { Value } from "../graph/graph.ts";
import type { Classification } from "../protocol/objective.ts";
import { InputError } from "../util/errors.ts";

export const SCORE = "score.weight";

export interface Classifier {
  /** Names of the head's rows; of regression one. */
  labels: readonly string[];
  problem: Classification["problem"];
  pooling: Classification["pooling"];
}

/** What files that keep no labels leave of a head: names as transformers numbers them. */
export function numberedClassifier(rows: number): Classifier {
  const labels = Array.from({ length: rows }, (_, row) => `LABEL_${row}`);
  return { labels, problem: rows === 1 ? "regression" : "single-label", pooling: "last" };
}

/** The body of `model` under the new head. */
export function withScore(model: CausalLm, { labels }: Classifier): CausalLm {
  const head = model.linearLayers.find(({ isHead }) => isHead);
  if (!head) throw new Error("internal: a model without a head");
  const ownHead = `${head.path}.weight`;
  const shape = [labels.length, head.inFeatures];
  return {
    ...model,
    tensors: [...model.tensors.filter(({ name }) => name !== ownHead), { name: SCORE, shape }],
    linearLayers: model.linearLayers.filter((layer) => layer !== head),
    build: (context) => {
      const headWeight = context.tensor(SCORE, shape);
      const { hidden } = model.build({
        ...context,
        // The body asks for its own head too, which a classifier's checkpoint does not have.
        tensor: (name, wished) => (name === ownHead ? headWeight : context.tensor(name, wished)),
      });
      const { b } = context;
      const logits = (): Value => b.gemm(hidden, b.asFloat32(headWeight), { transB: true });
      return { hidden, headWeight, logits };
    },
  };
}

const PROBLEMS: Readonly<Record<string, Classification["problem"]>> = {
  single_label_classification: "single-label",
  multi_label_classification: "multi-label",
  regression: "regression",
};

/**
 * What config.json says of a classification head; undefined for a model without one.
 * @throws InputError for labels that are not named 0, 1, 2 …
 */
export function classifierOf(
  config: Readonly<Record<string, unknown>>,
  file: string,
): Classifier | undefined {
  const { architectures, id2label, problem_type: type, pooling } = config;
  const names: unknown[] = Array.isArray(architectures) ? architectures : [];
  if (!names.some((name) => String(name).endsWith("ForSequenceClassification"))) return undefined;
  const named = typeof id2label === "object" && id2label !== null ? id2label : {};
  const byId = new Map(Object.entries(named).map(([id, name]) => [id, String(name)]));
  const labels = Array.from({ length: byId.size }, (_, id) => byId.get(String(id)) ?? "");
  if (labels.length === 0 || labels.includes("")) {
    throw new InputError(`${file}: id2label does not name the labels 0, 1, 2 …`);
  }
  const guessed = labels.length === 1 ? "regression" : "single-label";
  const problem = (typeof type === "string" ? PROBLEMS[type] : undefined) ?? guessed;
  return { labels, problem, pooling: pooling === "mean" || pooling === "first" ? pooling : "last" };
}

/** config.json of `config`'s model with this head; `pooling` is ours, and only where it is not transformers'. */
export function classifierConfig(
  config: Readonly<Record<string, unknown>>,
  { labels, problem, pooling }: Classifier,
): Record<string, unknown> {
  const { architectures, pad_token_id: pad, eos_token_id: eos, pooling: _, ...kept } = config;
  const first: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  const name = typeof first === "string" ? first : "LlamaForCausalLM";
  const [type] = Object.entries(PROBLEMS).find(([, ours]) => ours === problem) ?? [];
  const padding: unknown = pad ?? (Array.isArray(eos) ? eos[0] : eos);
  return {
    ...kept,
    ...(eos === undefined ? {} : { eos_token_id: eos }),
    architectures: [name.replace(/For\w+$/u, "ForSequenceClassification")],
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    problem_type: type,
    // transformers takes no batch of several rows without one.
    ...(padding === undefined ? {} : { pad_token_id: padding }),
    ...(pooling === "last" ? {} : { pooling }),
  };
}
