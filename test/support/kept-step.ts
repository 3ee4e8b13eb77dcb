import { createHash } from "node:crypto";
import type { Example } from "../../src/data/example.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { Device } from "../../src/onnx-engine/device.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openvinoRuntime } from "../../src/onnx-engine/openvino-session.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import { OpenvinoCore } from "../../src/openvino/core.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { openvinoHere } from "./openvino.ts";

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

export const ROWS: readonly Example[] = [31, 20].map((length, row) => ({
  ids: Int32Array.from({ length }, (_, i) => (i * 37 + row * 11) % 250),
  weights: new Float32Array(length).fill(1),
  line: row + 1,
}));

let core: Promise<OpenvinoCore> | undefined;

/** The processor by OpenVINO, whether it has bfloat16 units or not. */
export async function openvinoProcessor(
  precision: Precision,
  log: (line: string) => void,
): Promise<Device> {
  core ??= OpenvinoCore.open(openvinoHere());
  const { version } = openvinoHere();
  const target = { core: await core, version, device: "CPU", precision, log };
  return { name: "cpu", precision, runtime: openvinoRuntime(target) };
}

/** A LoRA on a base, on OpenVINO, with what is logged about it. */
export async function openKept(
  modelDir: string,
  precision: Precision,
): Promise<{ engine: OnnxTrainingEngine; lines: readonly string[] }> {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const engine = await openTrainingEngine({
    base: await openBaseModel(modelDir),
    ...LORA,
    threads: 1,
    device: await openvinoProcessor(precision, log),
    sample: ROWS,
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
  const { lossSum } = await engine.evaluate(ROWS);
  return { loss: into.loss, gradients: hashOf(into.gradients), evaluated: lossSum };
}

export async function gradientsOf(engine: OnnxTrainingEngine) {
  const gradients = new Float32Array(engine.parameters.length);
  const options = { scale: 1 / 49, dropoutSeed: 1, into: gradients };
  const { lossSum } = await engine.accumulateGradients(ROWS, options);
  return { loss: lossSum, gradients };
}

function hashOf({ buffer }: Float32Array<ArrayBuffer>): string {
  return createHash("sha256").update(new Uint8Array(buffer)).digest("hex");
}
