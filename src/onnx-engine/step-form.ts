/**
 * The memory dial: how a training step is cut so that it fits. Every setting gives the same loss
 * and the same gradients, to rounding.
 */
import { headTensor } from "../graph/causal-lm.ts";
import type { Graph } from "../graph/graph.ts";
import type { Kept } from "../graph/passes/recompute.ts";
import { peakBytes } from "../graph/peak-memory.ts";
import type { MemoryMode, MemoryWish, Precision, UsedMemory } from "../protocol/engines/onnx.ts";
import { availableMemory } from "../util/available-memory.ts";
import { formatBytes } from "../util/format.ts";
import {
  type GraphOptions,
  type StepForm,
  type TrainingGraph,
  buildTrainingGraph,
} from "./ort-graphs.ts";
import { elementCount } from "../util/element-count.ts";

export interface StepPlan {
  form: StepForm;
  /** Tokens that pass through the graph at once; a longer row still passes whole. */
  maxTokens: number;
  /** Packed copies of the weights: products 7 % faster for twice the weights' memory as float32. */
  prepack: boolean;
}

/** Below this, a block's products are too small to be fast. */
const BLOCK_TOKENS = 128;
/** Eight blocks leave out 44 % of all scores; more would leave out at most 50 %. */
const MAX_BLOCKS = 8;
/** Share of the free memory that a run may be predicted to take. */
export const USABLE_SHARE = 0.8;
/** The process without a model: Node.js, ONNX Runtime, the data. */
const BASELINE_BYTES = 150 * 2 ** 20;

type Dial = Omit<StepPlan, "form"> & { logitsBytes: number; kept: Kept };

/** 512 tokens are as fast as 1024 here: the products' speed is that of large ones, and less leaves the caches. */
const MODES: Record<MemoryMode, Dial> = {
  speed: { maxTokens: 512, logitsBytes: 128 * 2 ** 20, prepack: true, kept: "all" },
  balanced: { maxTokens: 512, logitsBytes: 64 * 2 ** 20, prepack: false, kept: "costly" },
  memory: { maxTokens: 256, logitsBytes: 16 * 2 ** 20, prepack: false, kept: "layers" },
};

/**
 * A run in bfloat16 has a larger fixed cost (30 rows of 40 to 100 tokens, 135M: 680 tokens/s in runs of 512, 830 in
 * runs of 1024).
 */
const TOKEN_FACTOR: Record<Precision, number> = { float32: 1, bfloat16: 2 };

export function planStep(
  options: GraphOptions,
  {
    maxLength,
    mode,
    precision = "float32",
  }: { maxLength: number; mode: MemoryMode; precision?: Precision },
): StepPlan {
  const { logitsBytes, prepack, kept } = MODES[mode];
  const maxTokens = MODES[mode].maxTokens * TOKEN_FACTOR[precision];
  const fed = Math.max(maxLength - 1, 1);
  const blocks = Math.min(Math.ceil(fed / BLOCK_TOKENS), MAX_BLOCKS);
  const head = planHead(options, { rows: Math.max(maxTokens, fed), logitsBytes, mode });
  return { form: { ...head, blocks, kept }, maxTokens, prepack };
}

/**
 * By rows, the head is read once for each part; by slices of the vocabulary, logits are computed
 * twice, but a half-precision head is never widened whole: 545 MB for 152k words of 896.
 */
function planHead(
  { architecture, tuning, typeOf, rowHead }: GraphOptions,
  { rows, logitsBytes, mode }: { rows: number; logitsBytes: number; mode: MemoryMode },
): Pick<StepForm, "rowChunks" | "vocabularyChunks"> {
  if (rowHead) return { rowChunks: 1, vocabularyChunks: 1 };
  const { vocabSize } = architecture;
  const logits = rows * vocabSize * 4;
  // The head, or the embeddings that are tied to it.
  const head = headTensor(architecture);
  const isHalf = !tuning.trained.has(head.name) && typeOf(head.name) !== "float32";
  const widened = isHalf ? elementCount(head.shape) * 4 : 0;
  if (mode === "memory" && widened > logitsBytes) {
    const slices = Math.ceil((logits + widened) / (2 * logitsBytes));
    return { rowChunks: 1, vocabularyChunks: Math.min(slices, vocabSize) };
  }
  return { rowChunks: Math.ceil(logits / logitsBytes), vocabularyChunks: 1 };
}

/** Peak resident memory, by what it is for. */
export interface MemoryParts {
  /** The checkpoint, as it is stored. */
  weights: number;
  /** Copies in the layout that products are fastest in. */
  packedWeights: number;
  activations: number;
  /** One run's gradients, those of the run before until they are collected, and their sum. */
  gradients: number;
  /** What is trained, and AdamW's two moments of it. */
  optimizer: number;
  /** The process without a model. */
  process: number;
}

export interface PlannedMemory extends UsedMemory {
  bytes: MemoryParts;
  availableBytes: number;
}

export interface PlannedStep {
  plan: StepPlan;
  graph: TrainingGraph;
  memory: PlannedMemory;
}

/**
 * The graph in the form that `mode` asks for; for `auto` in the fastest that is predicted to fit.
 * @param weightBytes of the checkpoint, as it is stored
 * @param available bytes that the process may still take
 */
export function compileStep(
  options: GraphOptions,
  {
    maxLength,
    mode,
    precision = "float32",
    weightBytes,
    available = availableMemory(),
    log,
  }: {
    maxLength: number;
    mode: MemoryWish;
    precision?: Precision | undefined;
    weightBytes: number;
    available?: number;
    log: (line: string) => void;
  },
): PlannedStep {
  const modes = mode === "auto" ? (["speed", "balanced", "memory"] as const) : [mode];
  let last: PlannedStep | undefined;
  for (const one of modes) {
    const plan = planStep(options, { maxLength, mode: one, precision });
    const graph = buildTrainingGraph(options, plan.form);
    const bytes = predictBytes(options, { plan, graph, precision, weightBytes, maxLength });
    const predictedBytes = Object.values(bytes).reduce((sum, part) => sum + part, 0);
    const memory = { mode: one, predictedBytes, bytes, availableBytes: available };
    last = { plan, graph, memory };
    const fits = predictedBytes <= USABLE_SHARE * available;
    const what = `predicted to take ${formatBytes(predictedBytes)} of ${formatBytes(available)} free`;
    if (fits || one === modes.at(-1)) {
      log(`memory mode ${one}, ${what}`);
      if (!fits) {
        log("this may not fit: lower data.maxLength, or take a smaller base model or quantization");
      }
      break;
    }
  }
  if (!last) throw new Error("internal: no memory mode");
  return last;
}

/** Peak resident memory of training, before it starts: the sum of the parts. */
export function predictBytes(
  { maxPositions, tuning }: GraphOptions,
  {
    plan,
    graph,
    precision = "float32",
    weightBytes,
    maxLength,
  }: Pick<PlannedStep, "plan" | "graph"> & {
    precision?: Precision;
    weightBytes: number;
    maxLength: number;
  },
): MemoryParts {
  const row = Math.min(maxLength, maxPositions) - 1;
  const B = Math.max(Math.floor(plan.maxTokens / row), 1);
  const { blocks, rowChunks } = plan.form;
  const N = B * row;
  const ofAdapter = Object.fromEntries(
    (tuning.adapter?.symbols ?? []).map((symbol) => [symbol, N]),
  );
  const sizes = {
    N,
    B,
    L: Math.ceil(row / blocks),
    R: Math.ceil(N / rowChunks),
    D: 0,
    ...ofAdapter,
  };
  const parameters = graph.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  // OpenVINO packs in bfloat16, always, and keeps the float32 that it packed from. It gives each tensor memory of its
  // own where sizes are symbols, so that nothing is gained by half the bytes: 3.8 GB were seen where this says 3.5.
  const isPacked = plan.prepack || precision === "bfloat16";
  const packedWeights = isPacked ? packedBytes(graph.graph) : 0;
  const activations = peakBytes(graph.graph, sizes);
  return {
    weights: weightBytes,
    packedWeights,
    activations,
    gradients: 3 * 4 * parameters,
    optimizer: 3 * 4 * parameters,
    process: BASELINE_BYTES,
  };
}

/** A stored weight is packed once for each way it is multiplied: backward only above what is trained. */
function packedBytes({ nodes, weights }: Graph): number {
  const stored = new Map(weights.map((weight) => [weight.name, weight]));
  for (const { op, inputs, outputs } of nodes) {
    const weight = stored.get(inputs[0]?.name ?? "");
    if (op === "Cast" && weight && outputs[0]) stored.set(outputs[0].name, weight);
  }
  const sizes = new Map<string, number>();
  for (const { op, inputs, attributes } of nodes) {
    const weight = op === "Gemm" ? stored.get(inputs[1]?.name ?? "") : undefined;
    if (!weight) continue;
    const isTransposed = "transB" in attributes && attributes.transB;
    const bytes = 4 * elementCount(weight.shape as readonly number[]);
    sizes.set(`${weight.name} ${String(isTransposed)}`, bytes);
  }
  return [...sizes.values()].reduce((a, b) => a + b, 0);
}
