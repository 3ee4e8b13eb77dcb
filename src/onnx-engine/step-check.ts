/**
 * Whether a runtime computes a training step's gradients as ONNX Runtime's processor does in float32, asked of the
 * step itself: the model's own weights and shapes, a few rows. A small model would not tell: OpenVINO's fault with
 * square weights (docs/openvino-float32.md) shows or not by their sizes.
 */
import type { Example } from "../data/example.ts";
import { relativeError } from "../util/relative-error.ts";
import { CPU } from "./device.ts";
import { dropoutFeeds, feedFormOf, runFeeds, trimRows } from "./ort-feeds.ts";
import type { GraphOptions, TrainingGraph } from "./ort-graphs.ts";
import type { CompileOptions, CompiledGraph, Feed } from "./runtime.ts";
import type { StepPlan } from "./step-form.ts";
import { floats } from "./token-hits.ts";

/**
 * Largest ‖got − expected‖ / ‖expected‖ of all gradients. In bfloat16 0.01 to 0.04 were seen (PyTorch's autocast:
 * the same, docs/benchmarks.md); wrong gradients are off by about 1.
 */
export const BFLOAT16_TOLERANCE = 0.15;

export interface CheckedStep {
  graph: TrainingGraph;
  session: CompiledGraph;
  graphOptions: GraphOptions;
  plan: StepPlan;
  compileOptions: CompileOptions;
  parameterFeeds: Readonly<Record<string, Feed>>;
}

/** Enough to pass through every operation. */
const TOKENS = 160;
const ROWS = 4;

/** @returns the gradients' relative error; Infinity for what is no number; undefined where no row has a counted token */
export async function stepError(
  { graph, session, graphOptions, plan, compileOptions, parameterFeeds }: CheckedStep,
  examples: readonly Example[],
): Promise<number | undefined> {
  const rows = trimRows(shortest(examples));
  const { feeds, sizes, counted } = runFeeds(rows, 1, feedFormOf(graphOptions, plan.form));
  if (counted === 0) return undefined;
  const dropout = dropoutOf(graphOptions, sizes.N);
  const fed = { ...feeds, ...parameterFeeds, ...dropout.feeds };
  const every = { ...sizes, ...dropout.sizes };
  const got = floats((await session.run(fed, every))[graph.result]?.data).slice();
  // The weights stay in the file: it runs once.
  const options = { ...compileOptions, prepack: false };
  const reference = await CPU.runtime.compile(graph.graph, options);
  try {
    const expected = floats((await reference.run(fed, every))[graph.result]?.data);
    return relativeError(got.subarray(0, -1), expected.subarray(0, -1));
  } finally {
    await reference.dispose();
  }
}

function dropoutOf({ tuning: { adapter } }: GraphOptions, tokens: number) {
  if (!adapter?.dropout) return { feeds: {}, sizes: {} };
  const { rate, sites, width } = adapter.dropout;
  return dropoutFeeds({ rate, sites, largest: tokens * width, seed: 1 });
}

function shortest(examples: readonly Example[]): readonly Example[] {
  const byLength = examples.toSorted((a, b) => a.ids.length - b.ids.length);
  const chosen: Example[] = [];
  let tokens = 0;
  for (const example of byLength) {
    if (chosen.length === ROWS || (chosen.length > 0 && tokens + example.ids.length > TOKENS))
      break;
    chosen.push(example);
    tokens += example.ids.length;
  }
  return chosen;
}
