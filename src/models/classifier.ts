/**
 * A causal language model with a classification head in the place of its own, as transformers'
 * …ForSequenceClassification: `score` [labels, C] without bias on the pooled hidden state.
 */
import type { CausalLm } from "../graph/causal-lm.ts";
import type { Value } from "../graph/graph.ts";
import { type Classifier, SCORE } from "../adapter-files/classifier-head.ts";

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
