/**
 * A small convolutional network of 105,866 parameters out of Retune's own graph operations, trained by its own
 * gradients and optimizer: two 3 × 3 convolutions of stride 2 (1 → 16 → 32), 1568 → 64 → 10, SiLU between.
 * A convolution is a product of patches, which GatherRows collects; a place outside the image is masked.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { product } from "../../src/graph/dim.ts";
import { addGradients } from "../../src/graph/gradient.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { EvaluationFigures } from "../../src/protocol/evaluation.ts";
import { type AdamWState, initAdamW, updateAdamW } from "../../src/training/optimizer.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import type { Feed } from "../../src/onnx-engine/runtime.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { readTensor, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { type Digits, SIDE } from "./digits-data.ts";

const CLASSES = 10;
const KERNEL = 3;
const BATCH = 50;
const EVALUATION_BATCH = 250;

/** In the order of the flat vector. */
const TENSORS = {
  "conv1.weight": [KERNEL * KERNEL, 16],
  "conv1.bias": [16],
  "conv2.weight": [KERNEL * KERNEL * 16, 32],
  "conv2.bias": [32],
  "hidden.weight": [7 * 7 * 32, 64],
  "hidden.bias": [64],
  "output.weight": [64, CLASSES],
  "output.bias": [CLASSES],
} as const;
type TensorName = keyof typeof TENSORS;
const NAMES = Object.keys(TENSORS) as TensorName[];

const sizeOf = (name: TensorName): number =>
  (TENSORS[name] as readonly number[]).reduce((count, size) => count * size, 1);
export const PARAMETERS = NAMES.reduce((sum, name) => sum + sizeOf(name), 0);

/** Where each patch's pixels are: [side/2 · side/2 · 9] rows of an image of side × side, and 0 where none is. */
function patches(side: number): { rows: Int32Array; real: Float32Array } {
  const out = side / 2;
  const rows = new Int32Array(out * out * KERNEL * KERNEL);
  const real = new Float32Array(rows.length);
  let at = 0;
  for (let y = 0; y < out; y++) {
    for (let x = 0; x < out; x++) {
      for (let k = 0; k < KERNEL * KERNEL; k++, at++) {
        const row = 2 * y + Math.floor(k / KERNEL) - 1;
        const column = 2 * x + (k % KERNEL) - 1;
        if (row < 0 || column < 0 || row >= side || column >= side) continue;
        rows[at] = row * side + column;
        real[at] = 1;
      }
    }
  }
  return { rows, real };
}
const LAYERS = [
  { name: "conv1", side: SIDE, channels: 1, ...patches(SIDE) },
  { name: "conv2", side: SIDE / 2, channels: 16, ...patches(SIDE / 2) },
] as const;

function silu(b: GraphBuilder, x: Value): Value {
  return b.mul(x, b.apply("Sigmoid", [x], {}));
}

/** x [B·side·side, channels] → [B·side/2·side/2, out] */
function convolution(
  b: GraphBuilder,
  x: Value,
  layer: (typeof LAYERS)[number],
  at: Parameters,
): Value {
  const { name, side, channels, rows } = layer;
  const count = product(["B", rows.length]);
  const indices = b.input(`${name}.rows`, "int64", [count]);
  const real = b.input(`${name}.real`, "float32", [count, 1]);
  const gathered = b.mul(b.apply("GatherRows", [x, indices], {}), real);
  const places = product(["B", (side / 2) ** 2]);
  const patch = b.reshape(gathered, [places, KERNEL * KERNEL * channels]);
  return silu(b, b.gemm(patch, at(`${name}.weight`), { c: at(`${name}.bias`) }));
}

type Parameters = (name: TensorName) => Value;

function forward(b: GraphBuilder): { logits: Value; parameters: readonly Value[] } {
  const values = new Map(NAMES.map((name) => [name, b.input(name, "float32", TENSORS[name])]));
  const at: Parameters = (name) => {
    const value = values.get(name);
    if (!value) throw new Error(`internal: no ${name}`);
    return value;
  };
  let x = b.input("images", "float32", [product(["B", SIDE * SIDE]), 1]);
  for (const layer of LAYERS) x = convolution(b, x, layer, at);
  const flat = b.reshape(x, ["B", sizeOf("hidden.weight") / 64]);
  const hidden = silu(b, b.gemm(flat, at("hidden.weight"), { c: at("hidden.bias") }));
  const logits = b.gemm(hidden, at("output.weight"), { c: at("output.bias") });
  return { logits, parameters: [...values.values()] };
}

function lossOf(b: GraphBuilder, logits: Value): Value {
  const labels = b.input("labels", "int64", ["B"]);
  const coefficients = b.input("coefficients", "float32", ["B"]);
  return b.apply("SoftmaxCrossEntropy", [logits, labels, coefficients], {});
}

/** One output: all gradients in order, then the loss. */
function trainingGraph(): Graph {
  const b = new GraphBuilder();
  const { logits, parameters } = forward(b);
  const loss = lossOf(b, logits);
  const gradients = addGradients(b, loss, parameters).map((gradient) => {
    if (!gradient) throw new Error("internal: a parameter without a gradient");
    return b.flatten(gradient);
  });
  return b.build([b.concat([...gradients, loss], 0)]);
}

function evaluationGraph(): Graph {
  const b = new GraphBuilder();
  const { logits } = forward(b);
  return b.build([logits, lossOf(b, logits)]);
}

function open(graph: Graph): Promise<OrtSession> {
  const locate = (name: string): never => {
    throw new Error(`internal: weight ${name} in a graph without any`);
  };
  return OrtSession.create(graph, { weightsDir: ".", locate, threads: 0, prepack: false });
}

function batchFeeds({ images, labels }: Digits, chosen: readonly number[]): Record<string, Feed> {
  const pixels = SIDE * SIDE;
  const fed = new Float32Array(chosen.length * pixels);
  chosen.forEach((index, row) => {
    fed.set(images.subarray(index * pixels, (index + 1) * pixels), row * pixels);
  });
  const feeds: Record<string, Feed> = {
    images: fed,
    labels: BigInt64Array.from(chosen, (index) => BigInt(labels[index] ?? 0)),
    coefficients: new Float32Array(chosen.length).fill(1 / chosen.length),
  };
  for (const { name, side, rows, real } of LAYERS) {
    const all = new BigInt64Array(chosen.length * rows.length);
    const mask = new Float32Array(all.length);
    for (let image = 0; image < chosen.length; image++) {
      const start = image * rows.length;
      rows.forEach((row, i) => (all[start + i] = BigInt(image * side * side + row)));
      mask.set(real, start);
    }
    feeds[`${name}.rows`] = all;
    feeds[`${name}.real`] = mask;
  }
  return feeds;
}

function parameterFeeds(vector: Float32Array): Record<string, Feed> {
  const feeds: Record<string, Feed> = {};
  let at = 0;
  for (const name of NAMES) feeds[name] = vector.subarray(at, (at += sizeOf(name)));
  return feeds;
}

function floats(data: unknown): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error("internal: no floats came back");
  return data;
}

/** Uniform, of PyTorch's default width 1/√fan-in; biases zero. */
export function freshParameters(seed: number): Float32Array {
  const random = xoroshiro128plus(seed);
  const vector = new Float32Array(PARAMETERS);
  let at = 0;
  for (const name of NAMES) {
    const [fanIn = 1] = TENSORS[name];
    const isBias = name.endsWith(".bias");
    for (let i = 0; i < sizeOf(name); i++, at++) {
      const drawn = 2 * uniformFloat64(random) - 1;
      vector[at] = isBias ? 0 : drawn / Math.sqrt(fanIn);
    }
  }
  return vector;
}

/** Adam, in place, over rows in a seeded order. */
export async function train(
  parameters: Float32Array,
  data: Digits,
  { epochs, learningRate, seed }: { epochs: number; learningRate: number; seed: number },
): Promise<void> {
  const graph = trainingGraph();
  const [output] = graph.outputs;
  const session = await open(graph);
  const state: AdamWState = initAdamW(PARAMETERS);
  const ranges = [{ start: 0, end: PARAMETERS, decays: false, rate: 1 }];
  const random = xoroshiro128plus(seed);
  const order = Array.from(data.labels.keys());
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = uniformInt(random, 0, i);
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    for (let start = 0; start < order.length; start += BATCH) {
      const chosen = order.slice(start, start + BATCH);
      const feeds = { ...batchFeeds(data, chosen), ...parameterFeeds(parameters) };
      const found = await session.run(feeds, { B: chosen.length });
      const gradients = floats(found[output?.name ?? ""]?.data).subarray(0, PARAMETERS);
      updateAdamW({ parameters, gradients }, state, ranges, {
        learningRate,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weightDecay: 0,
      });
    }
  }
  await session.dispose();
}

export interface DigitsEvaluator {
  evaluate(parameters: Float32Array, data: Digits): Promise<EvaluationFigures>;
  dispose(): Promise<void>;
}

export async function openEvaluator(): Promise<DigitsEvaluator> {
  const graph = evaluationGraph();
  const [logitsName = "", lossName = ""] = graph.outputs.map(({ name }) => name);
  const session = await open(graph);
  return {
    dispose: () => session.dispose(),
    evaluate: async (parameters, data) => {
      const rows = data.labels.length;
      let [loss, right] = [0, 0];
      for (let start = 0; start < rows; start += EVALUATION_BATCH) {
        const count = Math.min(EVALUATION_BATCH, rows - start);
        const chosen = Array.from({ length: count }, (_, i) => start + i);
        const feeds = { ...batchFeeds(data, chosen), ...parameterFeeds(parameters) };
        const found = await session.run(feeds, { B: count });
        const logits = floats(found[logitsName]?.data);
        loss += (floats(found[lossName]?.data)[0] ?? Number.NaN) * count;
        right += chosen.filter((index, row) => {
          const own = logits.subarray(row * CLASSES, (row + 1) * CLASSES);
          return own.indexOf(Math.max(...own)) === data.labels[index];
        }).length;
      }
      return { loss: loss / rows, accuracy: right / rows, rows };
    },
  };
}

/** A folder that Retune's merge takes for a model: config.json and model.safetensors. */
export async function saveModel(dir: string, parameters: Float32Array): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const config = { model_type: "retune-digits", architectures: ["DigitsClassifier"] };
  writeFileSync(path.join(dir, "config.json"), JSON.stringify(config, null, 2));
  const feeds = parameterFeeds(parameters);
  const tensors = NAMES.map((name) => ({
    name,
    dtype: "F32" as const,
    shape: [...TENSORS[name]],
    data: fromFloat32(floats(feeds[name]), "F32"),
  }));
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors, { format: "pt" });
}

export async function loadModel(dir: string): Promise<Float32Array> {
  const weights = await readModelWeights(dir);
  const vector = new Float32Array(PARAMETERS);
  let at = 0;
  for (const name of NAMES) {
    const info = weights.get(name);
    if (!info) throw new Error(`${dir} has no ${name}`);
    vector.set(await readTensor(info), at);
    at += sizeOf(name);
  }
  return vector;
}
