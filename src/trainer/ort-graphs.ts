/** The graphs the engine compiles: one training step, one evaluation step, one decoding step. */
import { GraphBuilder } from "../graph/builder.ts";
import type {
  CausalLm,
  CausalLmInputs,
  CausalLmOutputs,
  LinearHook,
  NamedShape,
} from "../graph/causal-lm.ts";
import { elementCount } from "../graph/dim.ts";
import { addGradients } from "../graph/gradient.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ElementType } from "../graph/ops.ts";
import { fuseGemmAdd } from "../graph/passes/fuse-gemm-add.ts";
import { repeatCasts } from "../graph/passes/repeat-casts.ts";
import { verifyGraph } from "../graph/verify.ts";
import { type LoraSite, loraHook, loraTensors } from "../adapters/lora.ts";

/** What is trained, or at least fed rather than read from the checkpoint. */
export type Tuning =
  | { type: "none" }
  | {
      type: "lora";
      sites: readonly LoraSite[];
      alpha: number;
      useRslora: boolean;
      dropout: number;
    }
  | { type: "full" };

export interface GraphOptions {
  architecture: CausalLm;
  tuning: Tuning;
  /** Longest sequence that will be fed. */
  maxPositions: number;
  /** Stored type of a checkpoint tensor. */
  typeOf: (name: string) => ElementType;
}

export interface TrainingGraph {
  graph: Graph;
  /** Trainable tensors, in the order of the result vector and of the forward pass. */
  parameters: readonly NamedShape[];
  /** Name of the only output: all gradients, flat, then the loss; [parameters + 1]. */
  result: string;
}

/** Names of the graph inputs. */
export const FEEDS = {
  ids: "ids",
  positions: "positions",
  mask: "mask",
  rows: "rows",
  labels: "labels",
  coefficients: "coefficients",
  dropoutPool: "dropout.pool",
  dropoutOffsets: "dropout.offsets",
} as const;

interface Forward {
  b: GraphBuilder;
  parameters: Map<string, Value>;
  outputs: CausalLmOutputs;
}

function buildForward(
  { architecture, tuning, maxPositions, typeOf }: GraphOptions,
  { b, inputs, training }: { b: GraphBuilder; inputs: CausalLmInputs; training: boolean },
): Forward {
  const parameters = new Map<string, Value>();
  const parameter = (name: string, shape: readonly number[]): Value => {
    const known = parameters.get(name);
    if (known) return known;
    const value = b.input(name, "float32", shape);
    parameters.set(name, value);
    return value;
  };
  const outputs = architecture.build({
    b,
    inputs,
    maxPositions,
    tensor: (name, shape) =>
      tuning.type === "full"
        ? parameter(name, shape as readonly number[])
        : b.weight(name, typeOf(name), shape),
    adapt: adaptHook(tuning, { b, parameter, training }),
  });
  return { b, parameters, outputs };
}

function adaptHook(
  tuning: Tuning,
  context: {
    b: GraphBuilder;
    parameter: (name: string, shape: readonly number[]) => Value;
    training: boolean;
  },
): LinearHook {
  if (tuning.type !== "lora") return (_, { base }) => base;
  const { b, parameter, training } = context;
  const shapes = new Map(loraTensors(tuning.sites).map(({ name, shape }) => [name, shape]));
  const tensor = (name: string): Value => {
    const shape = shapes.get(name);
    if (!shape) throw new Error(`internal: no adapter tensor ${name}`);
    return parameter(name, shape);
  };
  if (!training || tuning.dropout === 0) return loraHook(tuning.sites, tensor);
  const pool = b.input(FEEDS.dropoutPool, "float32", ["D"]);
  const offsets = b.input(FEEDS.dropoutOffsets, "int64", [tuning.sites.length]);
  return loraHook(tuning.sites, tensor, (site, like) =>
    b.apply("DropoutMask", [like, pool, offsets], { site }),
  );
}

function sequenceInputs(b: GraphBuilder, keys: "T" | "S"): CausalLmInputs {
  return {
    ids: b.input(FEEDS.ids, "int64", ["B*T"]),
    positions: b.input(FEEDS.positions, "int64", ["B", "T"]),
    mask: b.input(FEEDS.mask, "float32", ["M", 1, "T", keys]),
    rows: b.input(FEEDS.rows, "int64", ["R"]),
  };
}

function lossInputs(b: GraphBuilder): { labels: Value; coefficients: Value } {
  return {
    labels: b.input(FEEDS.labels, "int64", ["R"]),
    coefficients: b.input(FEEDS.coefficients, "float32", ["R"]),
  };
}

function finish(graph: Graph): Graph {
  const finished = repeatCasts(fuseGemmAdd(graph));
  verifyGraph(finished);
  return finished;
}

/** Forward, loss and backward of one micro-batch. */
export function buildTrainingGraph(options: GraphOptions): TrainingGraph {
  const b = new GraphBuilder();
  const inputs = sequenceInputs(b, "T");
  const { labels, coefficients } = lossInputs(b);
  const { parameters, outputs } = buildForward(options, { b, inputs, training: true });
  const [loss] = b.emit("SoftmaxCrossEntropy", [outputs.logits, labels, coefficients], {});
  if (!loss) throw new Error("internal: no loss");
  const names = [...parameters.keys()];
  const gradients = addGradients(b, loss, [...parameters.values()]).map((gradient, index) => {
    if (!gradient) throw new Error(`internal: the loss does not depend on ${names[index]}`);
    return b.flatten(gradient);
  });
  const shapes = [...parameters.values()].map(({ shape }) => shape as readonly number[]);
  const size = shapes.reduce((sum, shape) => sum + elementCount(shape), 1);
  // One output in the order of the forward pass, loss last: ONNX Runtime schedules from the last
  // leaf backwards, and separate outputs would keep every layer's activations until the end.
  const result = b.apply("Concat", [...gradients, loss], { axis: 0, size });
  return {
    graph: finish(b.build([result])),
    parameters: names.map((name, index) => ({ name, shape: shapes[index] ?? [] })),
    result: result.name,
  };
}

export interface EvaluationGraph {
  graph: Graph;
  /** [1], Σ coefficient · cross-entropy. */
  loss: string;
  /** [R], 1 where the arg-max is the label. */
  hits: string;
}

export function buildEvaluationGraph(options: GraphOptions): EvaluationGraph {
  const b = new GraphBuilder();
  const inputs = sequenceInputs(b, "T");
  const { labels, coefficients } = lossInputs(b);
  const { outputs } = buildForward(options, { b, inputs, training: false });
  const [loss, probabilities] = b.emit(
    "SoftmaxCrossEntropy",
    [outputs.logits, labels, coefficients],
    {},
  );
  if (!loss || !probabilities) throw new Error("internal: no loss");
  const hits = b.apply("ArgMaxHit", [probabilities, labels], {});
  return { graph: finish(b.build([loss, hits])), loss: loss.name, hits: hits.name };
}

export interface DecodingGraph {
  graph: Graph;
  /** [R,V]. */
  logits: string;
  /** Per layer the names of the cache's inputs and outputs, [B,K,P,D] in and [B,K,S,D] out. */
  cache: readonly { pastKey: string; pastValue: string; key: string; value: string }[];
}

/** One step with a key-value cache: T new tokens after P old ones. */
export function buildDecodingGraph(options: GraphOptions): DecodingGraph {
  const b = new GraphBuilder();
  const { layers, keyValueHeads, headSize } = options.architecture;
  const past = Array.from({ length: layers }, (_, layer) => {
    const input = (name: string): Value =>
      b.input(`past.${layer}.${name}`, "float32", ["B", keyValueHeads, "P", headSize]);
    return { key: input("key"), value: input("value") };
  });
  const inputs = { ...sequenceInputs(b, "S"), past };
  const { outputs } = buildForward(options, { b, inputs, training: false });
  const cached = outputs.present.flatMap(({ key, value }) => [key, value]);
  const cache = outputs.present.map(({ key, value }, layer) => ({
    pastKey: `past.${layer}.key`,
    pastValue: `past.${layer}.value`,
    key: key.name,
    value: value.name,
  }));
  return {
    graph: finish(b.build([outputs.logits, ...cached])),
    logits: outputs.logits.name,
    cache,
  };
}
