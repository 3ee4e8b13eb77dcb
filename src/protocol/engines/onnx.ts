/** The engine that is built in: ONNX Runtime, on this machine. */
import type { EngineFacts } from "../engine-facts.ts";
import type { SharedRecipe } from "../recipe-keys.ts";

export const QUANTIZATION_NEEDS_LORA =
  'quantization is for method lora, whose base weights stay as they are; leave it out, or choose "lora"';

export const ONNX: EngineFacts = {
  name: "onnx",
  contradictions: ({ quantization, method }: SharedRecipe & { quantization?: string }) =>
    quantization !== undefined && quantization !== "none" && method.type !== "lora"
      ? [{ keys: ["quantization"], message: QUANTIZATION_NEEDS_LORA }]
      : [],
};
