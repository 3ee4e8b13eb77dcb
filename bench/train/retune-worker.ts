/** Our side of a comparison: the training engine and the optimizer that a run uses. Bundled as the product's trainer is. */
import { readFileSync } from "node:fs";
import { openDevice } from "../../src/onnx-engine/device-check.ts";
import { type EngineOptions, openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { initAdamW, updateAdamW } from "../../src/training/optimizer.ts";
import type { StepReply, TrainConfig, TrainData } from "./protocol.ts";
import { toExamples } from "./train-data.ts";
import { peakMb, readConfig, serveSteps } from "./worker-loop.ts";

async function main(): Promise<void> {
  const config = readConfig<TrainConfig>();
  const data = JSON.parse(readFileSync(config.dataFile, "utf8")) as TrainData;
  const examples = toExamples(data.rows);
  const options: Omit<EngineOptions, "base"> = {
    method: {
      type: "lora",
      rank: config.rank,
      alpha: config.alpha,
      dropout: 0,
      targets: "all-linear",
      variant: "lora",
    },
    seed: 1,
    maxLength: Math.max(...examples.map(({ ids }) => ids.length)),
    threads: config.threads,
    ...config.engine,
  };
  const started = performance.now();
  const base = await openBaseModel(config.modelDir);
  const { precision } = config;
  const device = await openDevice("cpu", { purpose: "training", precision, log: console.error });
  const engine = await openTrainingEngine({ base, ...options, device, sample: examples });
  // A run goes on in float32; a time of that is none of bfloat16.
  if (engine.device.precision !== precision) throw new Error(engine.device.note);
  const openMs = performance.now() - started;
  const { parameters } = engine;
  const gradients = new Float32Array(parameters.length);
  const optimizer = initAdamW(parameters.length);
  const ranges = [{ start: 0, end: parameters.length, decays: false, rate: 1 }];
  let at = 0;

  await serveSteps({ openMs, stepsPerPass: data.steps.length }, async (): Promise<StepReply> => {
    const batch = (data.steps[at++ % data.steps.length] ?? []).flatMap(
      (row) => examples[row] ?? [],
    );
    const begun = performance.now();
    const counted = batch.reduce((sum, row) => sum + row.weights.reduce((a, b) => a + b, 0), 0);
    gradients.fill(0);
    const { lossSum } = await engine.accumulateGradients(batch, {
      scale: 1 / counted,
      dropoutSeed: 0,
      into: gradients,
    });
    updateAdamW({ parameters, gradients }, optimizer, ranges, {
      learningRate: config.learningRate,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      weightDecay: 0,
    });
    const ms = performance.now() - begun;
    // Rows are given as they are; a row's last token is only a label.
    const tokens = batch.reduce((sum, { ids }) => sum + ids.length - 1, 0);
    return { ms, loss: lossSum / counted, tokens, usefulTokens: counted, peakMb: peakMb() };
  });
  await engine.dispose();
}

void main();
