/** The graphs without a gradient over whole rows: one evaluation step, and what a head reads. */
import { rowAttention } from "../graph/attention-forms.ts";
import { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import {
  type GraphOptions,
  type StepForm,
  buildForward,
  buildLoss,
  finish,
  rowInputs,
  tokenInputs,
} from "./ort-graphs.ts";

export interface EvaluationGraph {
  graph: Graph;
  /** [1], Σ coefficient · cross-entropy. */
  loss: string;
  /** One per row of the head, 1 where the arg-max is the label; of a head over rows its logits [B, outputs]. */
  answers: string;
  /** Cross-entropy of each row of the head over tokens, unweighted. */
  losses: string | undefined;
  /** What a head over rows reads, [B,C]. */
  features: string | undefined;
}

export function buildEvaluationGraph(options: GraphOptions, form: StepForm): EvaluationGraph {
  const b = new GraphBuilder();
  const { loss, hits, losses, logits, features } = buildLoss(options, { b, form, training: false });
  const answers = logits ?? hits;
  if (!answers) throw new Error("internal: no answers");
  const others = [losses, features].filter((value) => value !== undefined);
  return {
    graph: finish(b.build([loss, answers, ...others])),
    loss: loss.name,
    answers: answers.name,
    losses: losses?.name,
    features: features?.name,
  };
}

export interface HiddenGraph {
  graph: Graph;
  /** [R,C], the last norm's output. */
  hidden: string;
}

export function buildHiddenGraph(options: GraphOptions, form: StepForm): HiddenGraph {
  const b = new GraphBuilder();
  const inputs = tokenInputs(b, { tokens: "N", rows: "R" });
  const { architecture } = options;
  const attend = rowAttention(b, rowInputs(b, architecture, form), {
    ...architecture,
    blocks: form.blocks,
  });
  const { outputs } = buildForward(options, { b, inputs, attend, training: false });
  const { hidden } = outputs;
  return { graph: finish(b.build([hidden])), hidden: hidden.name };
}
