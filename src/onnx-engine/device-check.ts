/**
 * Does a device compute what the processor computes? A driver may be missing, and an execution
 * provider may be wrong without an error (see device.ts on webgpu): a run would then train on
 * nonsense. One step of a model of a few thousand parameters, on both, tells in well under a second.
 */
import type { Example } from "../data/example.ts";
import type { Graph } from "../graph/graph.ts";
import { PROBE } from "../models/probe.ts";
import type { DeviceWish, PrecisionWish } from "../protocol/engines/onnx.ts";
import { InternalError } from "../util/errors.ts";
import { relativeError } from "../util/relative-error.ts";
import {
  CPU,
  type Device,
  type InstalledRuntime,
  describe,
  fallBack,
  fallBackAfter,
  inspectRuntime,
  isPlain,
  planDevice,
} from "./device.ts";
import { initialValues } from "../methods/random.ts";
import { runFeeds, trimRows } from "./ort-feeds.ts";
import { buildEvaluationGraph } from "./evaluation-graphs.ts";
import { type GraphOptions, type StepForm, buildTrainingGraph } from "./ort-graphs.ts";
import { BFLOAT16_TOLERANCE } from "./step-check.ts";
import { bfloat16Processor, intelGpu } from "./openvino-device.ts";
import type { CompiledGraph, Feed } from "./runtime.ts";

/** What a session is for: training reads the backward pass too. */
export type Purpose = "training" | "inference";

/** Far from zero, so that no part of the model hides behind another. */
const INITIALIZER_RANGE = 0.4;

/**
 * Largest ‖device − processor‖ / ‖processor‖. An NVIDIA GPU multiplies float32 in TF32, with 10
 * bits of mantissa: some 1e-3. webgpu's wrong gradients are off by about 1.
 */
const TOLERANCE = 0.03;

export interface DeviceOptions {
  purpose: Purpose;
  /** Left out: float32. */
  precision?: PrecisionWish | undefined;
  log: (line: string) => void;
  runtime?: InstalledRuntime;
}

/**
 * The device to use: the one wished if it is there and computes rightly, else the processor.
 * What stands in the way is logged, and in the device's note.
 */
export async function openDevice(wish: DeviceWish, options: DeviceOptions): Promise<Device> {
  const { purpose, log } = options;
  const planned = await plan(wish, options);
  const device = isPlain(planned) ? planned : await checkDevice(planned, purpose);
  if (device.note !== undefined) log(device.note);
  return device;
}

async function plan(wish: DeviceWish, options: DeviceOptions): Promise<Device> {
  const { precision = "float32", log } = options;
  if (wish === "openvino-gpu") {
    const found = await intelGpu(precision === "float32" ? "float32" : "bfloat16", log);
    return "device" in found ? found.device : fallBack(found.missing);
  }
  const planned = planDevice(wish, options.runtime ?? (await inspectRuntime()));
  if (planned.name !== "cpu" || planned.note !== undefined || precision === "float32") {
    return planned;
  }
  const found = await bfloat16Processor(log, precision === "auto" ? () => {} : log);
  if ("device" in found) return found.device;
  return precision === "auto" ? planned : fallBack(found.missing, "float32");
}

/** The device itself, or the processor with the reason. */
async function checkDevice(device: Device, purpose: Purpose): Promise<Device> {
  const trial = purpose === "training" ? trainingTrial() : inferenceTrial();
  try {
    const error = await trialError(trial, device);
    if (error <= (device.precision === "bfloat16" ? BFLOAT16_TOLERANCE : TOLERANCE)) return device;
    const what = purpose === "training" ? "gradients" : "losses";
    return fallBack(
      `${describe(device)} computes wrong ${what} here: ${(100 * error).toFixed(0)} % off the processor's in a test step`,
    );
  } catch (error) {
    return fallBackAfter(device, error);
  }
}

interface Trial {
  graph: Graph;
  output: string;
}

const OPTIONS: GraphOptions = {
  architecture: PROBE,
  tuning: {
    trained: new Set(PROBE.tensors.map(({ name }) => name)),
    adapter: undefined,
  },
  maxPositions: PROBE.maxPositions,
  typeOf: (name) => {
    throw new Error(`internal: ${name} is fed`);
  },
};

/** Cut in parts as a long step is, so that those operations are tried too. */
const FORM: StepForm = { blocks: 2, rowChunks: 2, vocabularyChunks: 1, kept: "all" };

function trainingTrial(): Trial {
  const { graph, result } = buildTrainingGraph(OPTIONS, FORM);
  return { graph, output: result };
}

function inferenceTrial(): Trial {
  const { graph, loss } = buildEvaluationGraph(OPTIONS, FORM);
  return { graph, output: loss };
}

/** Known already where the device keeps what it has compiled. */
async function trialError(trial: Trial, device: Device): Promise<number> {
  const session = await compileTrial(trial, device);
  try {
    const known = session.verdict?.relativeError;
    if (known !== undefined) return known;
    const reference = await compileTrial(trial, CPU);
    try {
      const expected = await runTrial(trial, reference);
      const error = relativeError(await runTrial(trial, session), expected);
      await session.verdict?.keep(error);
      return error;
    } finally {
      await reference.dispose();
    }
  } finally {
    await session.dispose();
  }
}

function compileTrial({ graph }: Trial, { runtime }: Device): Promise<CompiledGraph> {
  return runtime.compile(graph, {
    weightsDir: ".",
    locate: (name) => {
      throw new InternalError(`${name} is fed`);
    },
    threads: 1,
    prepack: false,
  });
}

async function runTrial({ graph, output }: Trial, session: CompiledGraph): Promise<Float32Array> {
  const { feeds, sizes } = runFeeds(trimRows(BATCH), 1, {
    ...FORM,
    adapter: undefined,
    ...OPTIONS.architecture,
  });
  const outputs = await session.run({ ...feeds, ...parameters(graph) }, sizes);
  const data = outputs[output]?.data;
  if (!(data instanceof Float32Array)) throw new Error("the device returned no floats");
  return data.slice();
}

/** Two rows of unlike length; every token after the first counts. */
const BATCH = [7, 4].map((length, row): Example => ({
  ids: Int32Array.from({ length }, (_, i) => (5 * row + 3 * i + 1) % PROBE.vocabSize),
  weights: new Float32Array(length).fill(1),
  line: row + 1,
}));

function parameters(graph: Graph): Record<string, Feed> {
  const shapes = new Map(OPTIONS.architecture.tensors.map(({ name, shape }) => [name, shape]));
  const values = { seed: 1, initializerRange: INITIALIZER_RANGE };
  return Object.fromEntries(
    graph.inputs.flatMap(({ name }) => {
      const shape = shapes.get(name);
      return shape ? [[name, initialValues({ name, shape }, values)]] : [];
    }),
  );
}
