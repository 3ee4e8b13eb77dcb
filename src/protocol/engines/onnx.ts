/** The engine that is built in: ONNX Runtime, on this machine. */
import type { EngineFacts } from "../engine-facts.ts";
import { quantizationProblem } from "../methods.ts";
import type { SharedRecipe } from "../recipe-keys.ts";

export const ONNX: EngineFacts = {
  name: "onnx",
  contradictions: ({ quantization, method }: SharedRecipe & { quantization?: string }) => {
    const wished = quantization !== undefined && quantization !== "none";
    const problem = wished ? quantizationProblem(method) : undefined;
    return problem === undefined ? [] : [{ keys: ["quantization"], message: problem }];
  },
};
