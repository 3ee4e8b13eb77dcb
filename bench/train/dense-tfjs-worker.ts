/** The dense step in TensorFlow.js, loaded from where the case installed it. */
import { createRequire } from "node:module";
import path from "node:path";
import { DENSE, type DenseConfig, denseTensors } from "./dense-step.ts";
import type { StepReply } from "./protocol.ts";
import { peakMb, readConfig, serveSteps } from "./worker-loop.ts";

interface TfTensor {
  data: () => Promise<Float32Array>;
  dispose: () => void;
}

/** The part of TensorFlow.js that is used; it is no dependency of the project, so it brings no types. */
interface TensorFlow {
  ready: () => Promise<void>;
  setBackend: (name: string) => Promise<boolean>;
  getBackend: () => string;
  tensor2d: (values: Float32Array, shape: readonly number[]) => TfTensor;
  variable: (initial: TfTensor) => TfTensor;
  matMul: (a: TfTensor, b: TfTensor) => TfTensor;
  sigmoid: (x: TfTensor) => TfTensor;
  mul: (a: TfTensor, b: TfTensor) => TfTensor;
  sub: (a: TfTensor, b: TfTensor) => TfTensor;
  mean: (x: TfTensor, axis?: number) => TfTensor;
  train: {
    adam: (
      learningRate: number,
      beta1: number,
      beta2: number,
      epsilon: number,
    ) => { minimize: (loss: () => TfTensor, returnCost: true, wrt: TfTensor[]) => TfTensor };
  };
}

interface WasmBackend {
  setWasmPaths: (folder: string) => void;
  setThreadsCount: (threads: number) => void;
}

/** Libtensorflow takes all cores by itself; the WebAssembly backend is told how many. */
async function load({ modules, threads }: DenseConfig): Promise<TensorFlow> {
  if (!modules) throw new Error("internal: a TensorFlow.js worker needs its modules");
  const load = createRequire(path.join(modules.dir, "package.json"));
  if (modules.backend === "node") return load("@tensorflow/tfjs-node") as TensorFlow;
  // The whole package: tfjs-core comes without gradients.
  const tf = load("@tensorflow/tfjs") as TensorFlow;
  const wasm = load("@tensorflow/tfjs-backend-wasm") as WasmBackend;
  wasm.setWasmPaths(path.join(modules.dir, "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
  wasm.setThreadsCount(threads);
  if (!(await tf.setBackend("wasm"))) throw new Error("the WebAssembly backend did not start");
  await tf.ready();
  return tf;
}

async function main(): Promise<void> {
  const config = readConfig<DenseConfig>();
  const { batch, width, learningRate } = DENSE;
  const started = performance.now();
  const tf = await load(config);
  const tensors = denseTensors();
  const input = tf.tensor2d(tensors.x, [batch, width]);
  const target = tf.tensor2d(tensors.target, [batch, width]);
  const weights = tensors.weights.map((values, layer) =>
    tf.variable(tf.tensor2d(values, tensors.shapes[layer] ?? [])),
  );
  // TensorFlow's own epsilon.
  const optimizer = tf.train.adam(learningRate, 0.9, 0.999, 1e-7);
  const openMs = performance.now() - started;
  const forward = (): TfTensor => {
    let x = input;
    weights.forEach((weight, layer) => {
      const y = tf.matMul(x, weight);
      x = layer % 2 === 0 ? tf.mul(y, tf.sigmoid(y)) : y;
    });
    const error = tf.sub(x, target);
    // By rows first: the WebAssembly backend adds one by one in float32, and half a million are too many.
    return tf.mean(tf.mean(tf.mul(error, error), 1));
  };

  await serveSteps({ openMs, stepsPerPass: 1 }, async (): Promise<StepReply> => {
    const begun = performance.now();
    const cost = optimizer.minimize(forward, true, weights);
    const loss = (await cost.data())[0] ?? Number.NaN;
    cost.dispose();
    const ms = performance.now() - begun;
    return { ms, loss, tokens: batch, usefulTokens: batch, peakMb: peakMb() };
  });
}

void main();
