/** The graphs the engine compiles: one training step, one evaluation step, one decoding step. */
import { GraphBuilder } from "../graph/builder.ts";
import { cachedAttention, type RowInputs, rowAttention } from "../graph/attention-forms.ts";
import type {
  Attend,
  CausalLm,
  CausalLmInputs,
  CausalLmOutputs,
  NamedShape,
} from "../graph/causal-lm.ts";
import { type Dim, dimAt, product } from "../graph/dim.ts";
import { addGradients } from "../graph/gradient.ts";
import type { Graph, Value } from "../graph/graph.ts";
import type { ElementType } from "../graph/ops.ts";
import { type Kept, recompute } from "../graph/passes/recompute.ts";
import { repeatCasts } from "../graph/passes/repeat-casts.ts";
import { verifyGraph } from "../graph/verify.ts";
import type { RowHead } from "../objectives/row-head.ts";
import { storedWeight } from "./stored-weight.ts";
import type { Adapter, AdapterHooks, Tuning } from "../methods/method.ts";
import { elementCount } from "../util/element-count.ts";

export interface GraphOptions {
  architecture: CausalLm;
  tuning: Tuning;
  /** Longest sequence that will be fed. */
  maxPositions: number;
  /** Stored type of a checkpoint tensor. */
  typeOf: (name: string) => ElementType;
  /** Left out where tokens are predicted. */
  rowHead?: RowHead | undefined;
}

export interface TrainingGraph {
  graph: Graph;
  /** Trainable tensors, in the order of the result vector and of the forward pass. */
  parameters: readonly NamedShape[];
  /** Name of the only output: all gradients, flat, then the loss; [parameters + 1]. */
  result: string;
}

/** How a step is cut so that its memory stays bounded; every form gives the same numbers to rounding. */
export interface StepForm {
  /** Blocks of queries in causal attention. */
  blocks: number;
  /** Parts in which counted rows, or else slices of the vocabulary, pass through head and loss. */
  rowChunks: number;
  vocabularyChunks: number;
  /** What the backward pass finds in memory and need not compute again. */
  kept: Kept;
}

/** Names of the graph inputs. */
export const FEEDS = {
  ids: "ids",
  positions: "positions",
  mask: "mask",
  spreadQueries: "spread.queries",
  collectQueries: "collect.queries",
  spreadKeys: "spread.keys",
  collectKeys: "collect.keys",
  real: "real",
  rows: "rows",
  labels: "labels",
  coefficients: "coefficients",
  dropoutPool: "dropout.pool",
  dropoutOffsets: "dropout.offsets",
} as const;

/** The input that holds what a trained tensor was at the start. */
export function startName(tensor: string): string {
  return `start.${tensor}`;
}

interface Forward {
  b: GraphBuilder;
  parameters: Map<string, Value>;
  outputs: CausalLmOutputs;
}

export function buildForward(
  { architecture, tuning, maxPositions, typeOf }: GraphOptions,
  {
    b,
    inputs,
    attend,
    training,
  }: { b: GraphBuilder; inputs: CausalLmInputs; attend: Attend; training: boolean },
): Forward {
  const parameters = new Map<string, Value>();
  const parameter = (name: string, shape: readonly number[]): Value => {
    const known = parameters.get(name);
    if (known) return known;
    const value = b.input(name, "float32", shape);
    parameters.set(name, value);
    return value;
  };
  const hooks = hooksOf(tuning, { b, parameter, training, tokens: dimAt(inputs.ids.shape, 0) });
  const { linear, embedded, keysValues, edit } = hooks;
  const outputs = architecture.build({
    b,
    inputs,
    attend: (heads) => attend(keysValues ? { ...heads, ...keysValues(heads.layer, heads) } : heads),
    maxPositions,
    embedded: embedded ?? ((x) => x),
    edit: edit ?? (() => undefined),
    adapt: linear ?? ((_b, _x, layers) => layers.map(({ base }) => base)),
    tensor: (name, shape) =>
      tuning.trained.has(name)
        ? parameter(name, shape as readonly number[])
        : storedWeight(b, { name, type: typeOf(name), shape }),
  });
  return { b, parameters, outputs };
}

function hooksOf(
  { adapter }: Tuning,
  {
    b,
    parameter,
    training,
    tokens,
  }: {
    b: GraphBuilder;
    parameter: (name: string, shape: readonly number[]) => Value;
    training: boolean;
    tokens: Dim;
  },
): AdapterHooks {
  if (!adapter) return {};
  const shapes = new Map(adapter.tensors.map(({ name, shape }) => [name, shape]));
  const tensor = (name: string): Value => {
    const shape = shapes.get(name);
    if (!shape) throw new Error(`internal: no adapter tensor ${name}`);
    return parameter(name, shape);
  };
  const starts = new Map<string, Value>();
  const start = (name: string): Value => {
    const known = starts.get(name) ?? b.input(startName(name), "float32", shapes.get(name) ?? []);
    starts.set(name, known);
    return known;
  };
  const dropoutMask = training ? dropoutMasks(adapter, b) : undefined;
  return adapter.hooks({ b, tensor, start, dropoutMask, tokens });
}

function dropoutMasks(
  adapter: Adapter,
  b: GraphBuilder,
): ((site: number, like: Value) => Value) | undefined {
  const { dropout } = adapter;
  if (!dropout) return undefined;
  const pool = b.input(FEEDS.dropoutPool, "float32", ["D"]);
  const offsets = b.input(FEEDS.dropoutOffsets, "int64", [dropout.sites]);
  return (site, like) => b.apply("DropoutMask", [like, pool, offsets], { site });
}

export function tokenInputs(
  b: GraphBuilder,
  { tokens, rows }: { tokens: Dim; rows: Dim },
): CausalLmInputs {
  return {
    ids: b.input(FEEDS.ids, "int64", [tokens]),
    positions: b.input(FEEDS.positions, "int64", [tokens, 1]),
    rows: b.input(FEEDS.rows, "int64", [rows]),
  };
}

export function rowInputs(
  b: GraphBuilder,
  architecture: CausalLm,
  { blocks }: StepForm,
): RowInputs {
  const { heads, keyValueHeads } = architecture;
  const places = product([blocks, "B", heads, "L"]);
  const length = product([blocks, "L"]);
  return {
    spreadQueries: b.input(FEEDS.spreadQueries, "int64", [places]),
    collectQueries: b.input(FEEDS.collectQueries, "int64", [product(["N", heads])]),
    spreadKeys: b.input(FEEDS.spreadKeys, "int64", [product(["B", keyValueHeads, length])]),
    collectKeys: b.input(FEEDS.collectKeys, "int64", [product(["N", keyValueHeads])]),
    real: b.input(FEEDS.real, "float32", [places, 1]),
    mask: b.input(FEEDS.mask, "float32", [1, 1, "L", length]),
  };
}

export function finish(graph: Graph): Graph {
  const finished = repeatCasts(graph);
  verifyGraph(finished);
  return finished;
}

/** Forward and loss of rows that stand in one flat sequence. */
export function buildLoss(
  options: GraphOptions,
  { b, form, training }: { b: GraphBuilder; form: StepForm; training: boolean },
): {
  parameters: Map<string, Value>;
  loss: Value;
  hits?: Value | undefined;
  /** One for each weighted token, unweighted. */
  losses?: Value | undefined;
  logits?: Value;
  features?: Value;
} {
  const { architecture, tuning, rowHead } = options;
  const rows = rowHead ? rowHead.states : product([form.rowChunks, "R"]);
  const inputs = tokenInputs(b, { tokens: "N", rows });
  const attend = rowAttention(b, rowInputs(b, architecture, form), {
    ...architecture,
    blocks: form.blocks,
  });
  if (rowHead) {
    const { parameters, outputs } = buildForward(options, { b, inputs, attend, training });
    return { parameters, ...rowHead.loss(b, outputs) };
  }
  const labels = b.input(FEEDS.labels, "int64", [rows]);
  const coefficients = b.input(FEEDS.coefficients, "float32", [rows]);
  const { parameters, outputs } = buildForward(options, { b, inputs, attend, training });
  const { hidden, headWeight, logits } = outputs;
  const isHeadAdapted = tuning.adapter?.adaptsHead ?? false;
  if (isHeadAdapted) {
    const all = logits();
    const operands = [all, labels, coefficients];
    const [loss, probabilities] = b.emit("SoftmaxCrossEntropy", operands, {});
    if (!loss || !probabilities) throw new Error("internal: no loss");
    if (training) return { parameters, loss };
    const hits = b.apply("ArgMaxHit", [probabilities, labels], {});
    return { parameters, loss, hits, losses: b.apply("TokenLosses", [all, labels], {}) };
  }
  const trained = tuning.trained.has(headWeight.name) ? "weightGradient" : "training";
  const [loss, second, losses] = b.emit(
    "LinearCrossEntropy",
    [hidden, headWeight, labels, coefficients],
    {
      rowChunks: form.rowChunks,
      vocabularyChunks: form.vocabularyChunks,
      results: training ? trained : "evaluation",
    },
  );
  if (!loss) throw new Error("internal: no loss");
  return training ? { parameters, loss } : { parameters, loss, hits: second, losses };
}

/** Forward, loss and backward of one micro-batch. */
export function buildTrainingGraph(options: GraphOptions, form: StepForm): TrainingGraph {
  const b = new GraphBuilder();
  const { parameters, loss } = buildLoss(options, { b, form, training: true });
  const names = [...parameters.keys()];
  const forward = new Set(b.nodes);
  const gradients = addGradients(b, loss, [...parameters.values()]).map((gradient, index) => {
    if (!gradient) throw new Error(`internal: the loss does not depend on ${names[index]}`);
    return b.flatten(gradient);
  });
  const shapes = [...parameters.values()].map(({ shape }) => shape as readonly number[]);
  const size = shapes.reduce((sum, shape) => sum + elementCount(shape), 1);
  // One output in the order of the forward pass, loss last: ONNX Runtime schedules from the last
  // leaf backwards, and separate outputs would keep every layer's activations until the end.
  const result = b.apply("Concat", [...gradients, loss], { axis: 0, size });
  const { kept } = form;
  const graph = b.build([result]);
  const lean =
    kept === "all" ? graph : recompute(graph, { kept, forward, checkpoints: b.checkpoints });
  return {
    graph: finish(lean),
    parameters: names.map((name, index) => ({ name, shape: shapes[index] ?? [] })),
    result: result.name,
  };
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
  const inputs = tokenInputs(b, { tokens: product(["B", "T"]), rows: "R" });
  const mask = b.input(FEEDS.mask, "float32", [1, 1, "T", "S"]);
  const { attend, present } = cachedAttention(b, { mask, past }, options.architecture);
  const { outputs } = buildForward(options, { b, inputs, attend, training: false });
  const logits = outputs.logits();
  const cache = present.map(({ key, value }, layer) => ({
    pastKey: `past.${layer}.key`,
    pastValue: `past.${layer}.value`,
    key: key.name,
    value: value.name,
  }));
  const cached = present.flatMap(({ key, value }) => [key, value]);
  return { graph: finish(b.build([logits, ...cached])), logits: logits.name, cache };
}
