/** The engine that is built in: ONNX Runtime, on this machine. */
import * as z from "zod";
import type { EngineFacts } from "../engine-facts.ts";
import { quantizationProblem } from "../methods.ts";
import { MAX_THREADS, positiveInt } from "../recipe-limits.ts";
import type { SharedRecipe } from "../recipe-keys.ts";

/** ONNX Runtime's execution providers that we know how to ask for, and the GPU that OpenVINO knows. */
const deviceNameSchema = z.enum(["cpu", "cuda", "dml", "coreml", "webgpu", "openvino-gpu"]);
export const deviceWishSchema = z.enum(["auto", ...deviceNameSchema.options]);

const precisionSchema = z.enum(["float32", "bfloat16"]);
export const precisionWishSchema = z.enum(["auto", ...precisionSchema.options]);

const memoryModeSchema = z.enum(["speed", "balanced", "memory"]);

const OPTIONS = {
  device: deviceWishSchema
    .default("auto")
    .describe(
      "What computes. auto: cuda where it is installed, else cpu. A device that is missing or computes wrongly is replaced by cpu; the run's log says why.",
    ),
  precision: precisionWishSchema
    .default("auto")
    .describe(
      "What products are computed in. bfloat16: by OpenVINO (retune install openvino), about twice as fast on a processor with bfloat16 units; what is trained, its optimizer and the loss stay float32. auto: bfloat16 where the processor has the units, the runtime is there and its gradients pass a check on the model itself, else float32.",
    ),
  quantization: z
    .enum(["none", "int8", "int4"])
    .default("none")
    .describe(
      "Memory option for LoRA (QLoRA): the base's linear weights are held in blocks of 8- or 4-bit integers while training. Adapters and merges are for the base as it is.",
    ),
  memory: z
    .enum(["auto", ...memoryModeSchema.options])
    .default("auto")
    .describe(
      "What is traded for memory; losses and gradients stay the same to rounding. speed keeps all and packs the weights; balanced recomputes norms, activations and attention probabilities; memory recomputes whole layers. auto: the fastest that is predicted to fit in free memory.",
    ),
  threads: positiveInt
    .max(MAX_THREADS)
    .optional()
    .describe("Threads for the engine. Left out: physical cores."),
};

const optionsSchema = z.object(OPTIONS);

export type OnnxOptions = z.output<typeof optionsSchema>;
export type OnnxOptionsInput = z.input<typeof optionsSchema>;
export type DeviceName = z.output<typeof deviceNameSchema>;
export type DeviceWish = OnnxOptions["device"];
export type Precision = z.output<typeof precisionSchema>;
export type PrecisionWish = OnnxOptions["precision"];
export type Quantization = OnnxOptions["quantization"];
export type MemoryWish = OnnxOptions["memory"];
export type MemoryMode = z.output<typeof memoryModeSchema>;

/** The options in a recipe that names this engine; what it leaves out has its default. */
export function onnxOptions(recipe: Partial<OnnxOptions>): OnnxOptions {
  return optionsSchema.parse(recipe);
}

const usedDeviceSchema = z.strictObject({
  name: deviceNameSchema,
  precision: precisionSchema.optional().describe("Left out: float32."),
  note: z
    .string()
    .optional()
    .describe("Why it is not the device or the precision that was asked for."),
});

export type UsedDevice = z.output<typeof usedDeviceSchema>;

const usedMemorySchema = z.strictObject({
  mode: memoryModeSchema,
  predictedBytes: z.number().describe("Predicted peak resident memory of the process."),
});

export type UsedMemory = z.output<typeof usedMemorySchema>;

/** What the training process adds to its run's recipe. */
export const ONNX_FOUND = {
  /** What `device` came to. A resume may come to another. */
  usedDevice: usedDeviceSchema.optional(),
  /** What `memory` came to. */
  usedMemory: usedMemorySchema.optional(),
};

export const ONNX: EngineFacts = {
  name: "onnx",
  description: "onnx: built in, needs nothing installed.",
  options: OPTIONS,
  hasOptionsBeside: true,
  can: { methods: "all", objectives: "all", families: "all" },
  contradictions: ({
    quantization = "none",
    precision,
    method,
  }: SharedRecipe & Partial<OnnxOptions>) => {
    if (quantization === "none") return [];
    const problem = quantizationProblem(method);
    const found = problem === undefined ? [] : [{ keys: ["quantization"], message: problem }];
    if (precision !== "bfloat16") return found;
    const message = `a base in ${quantization} blocks is computed with in float32; leave out precision, or quantization`;
    return [...found, { keys: ["precision"], message }];
  },
};
