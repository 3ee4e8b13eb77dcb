/** The dense step as our graph builder makes it, on ONNX Runtime, with our optimizer. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { addGradients } from "../../src/graph/gradient.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { writeOnnxModel } from "../../src/onnx/write-model.ts";
import { initAdamW, updateAdamW } from "../../src/training/optimizer.ts";
import { DENSE, type DenseConfig, type DenseTensors, denseTensors } from "./dense-step.ts";
import type { StepReply } from "./protocol.ts";
import { peakMb, readConfig, serveSteps } from "./worker-loop.ts";

const { batch, width, learningRate } = DENSE;

/** One output: all gradients in order, then the loss. */
function denseGraph({ shapes }: DenseTensors): Graph {
  const b = new GraphBuilder();
  const weights = shapes.map((shape, layer) => b.input(`w${layer}`, "float32", shape));
  const target = b.input("target", "float32", [batch, width]);
  let x = b.input("x", "float32", [batch, width]);
  weights.forEach((weight, layer) => {
    const y = b.gemm(x, weight);
    x = layer % 2 === 0 ? b.mul(y, b.apply("Sigmoid", [y], {})) : y;
  });
  const error = b.flatten(b.sub(x, target));
  const loss = b.scale(b.reduceSum(b.mul(error, error), [0]), 1 / (batch * width));
  const gradients = addGradients(b, loss, weights);
  const parts = gradients.map((gradient, layer) => {
    if (!gradient) throw new Error(`internal: the loss does not depend on layer ${layer}`);
    return b.flatten(gradient);
  });
  return b.build([b.concat([...parts, loss], 0)]);
}

async function main(): Promise<void> {
  const { threads } = readConfig<DenseConfig>();
  const started = performance.now();
  const tensors = denseTensors();
  const graph = denseGraph(tensors);
  const { bytes } = writeOnnxModel(graph, (name) => {
    throw new Error(`internal: weight ${name} in a graph without any`);
  });
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    graphOptimizationLevel: "disabled",
    enableMemPattern: false,
  });
  const openMs = performance.now() - started;
  const size = tensors.weights.reduce((sum, { length }) => sum + length, 0);
  const parameters = new Float32Array(size);
  const feeds: Record<string, Tensor> = {
    x: new Tensor("float32", tensors.x, [batch, width]),
    target: new Tensor("float32", tensors.target, [batch, width]),
  };
  let offset = 0;
  tensors.weights.forEach((values, layer) => {
    parameters.set(values, offset);
    const window = parameters.subarray(offset, offset + values.length);
    feeds[`w${layer}`] = new Tensor("float32", window, tensors.shapes[layer] ?? []);
    offset += values.length;
  });
  const state = initAdamW(size);
  const ranges = [{ start: 0, end: size, decays: false, rate: 1 }];
  const [output = ""] = session.outputNames;

  await serveSteps({ openMs, stepsPerPass: 1 }, async (): Promise<StepReply> => {
    const begun = performance.now();
    const result = (await session.run(feeds))[output]?.data;
    if (!(result instanceof Float32Array)) throw new Error("internal: no floats came back");
    updateAdamW({ parameters, gradients: result.subarray(0, size) }, state, ranges, {
      learningRate,
      betas: [0.9, 0.999],
      epsilon: 1e-7,
      weightDecay: 0,
    });
    const ms = performance.now() - begun;
    const loss = result[size] ?? Number.NaN;
    return { ms, loss, tokens: batch, usefulTokens: batch, peakMb: peakMb() };
  });
}

void main();
