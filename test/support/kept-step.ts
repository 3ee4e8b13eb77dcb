import { createHash } from "node:crypto";
import { openBaseModel } from "../../src/models/base-model.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openvinoRuntime } from "../../src/onnx-engine/openvino-session.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { testedOpenvino } from "./openvino-runtime.ts";
import { TWO_ROWS } from "./two-rows.ts";

const METHOD: Method = {
  type: "lora",
  rank: 4,
  alpha: 8,
  dropout: 0,
  targets: "all-linear",
  variant: "lora",
};

/** What is trained, and how it begins. */
export const LORA = { method: METHOD, seed: 1, maxLength: 40 };

export const openvino = await testedOpenvino();

/**
 * A LoRA on a base, on OpenVINO, with what is logged about it.
 * @param cache folder of the compiled graphs
 */
export async function openKept(
  modelDir: string,
  cache: string,
  precision: Precision,
): Promise<{ engine: OnnxTrainingEngine; lines: readonly string[] }> {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const target = { ...openvino.target(precision), cache: { dir: cache, log } };
  const engine = await openTrainingEngine({
    base: await openBaseModel(modelDir),
    ...LORA,
    threads: 1,
    device: { name: "cpu", precision, runtime: openvinoRuntime(target) },
    sample: TWO_ROWS,
    log,
  });
  // B of LoRA begins as zeros: nothing would reach A.
  engine.parameters.forEach((value, at) => {
    if (value === 0) engine.parameters[at] = Math.sin(at) / 10;
  });
  return { engine, lines };
}

export interface Step {
  loss: number;
  gradients: string;
  evaluated: number;
}

export async function stepOf(engine: OnnxTrainingEngine): Promise<Step> {
  const into = await gradientsOf(engine);
  const { lossSum } = await engine.evaluate(TWO_ROWS);
  return { loss: into.loss, gradients: hashOf(into.gradients), evaluated: lossSum };
}

export async function gradientsOf(engine: OnnxTrainingEngine) {
  const gradients = new Float32Array(engine.parameters.length);
  const options = { scale: 1 / 49, dropoutSeed: 1, into: gradients };
  const { lossSum } = await engine.accumulateGradients(TWO_ROWS, options);
  return { loss: lossSum, gradients };
}

function hashOf({ buffer }: Float32Array<ArrayBuffer>): string {
  return createHash("sha256").update(new Uint8Array(buffer)).digest("hex");
}
