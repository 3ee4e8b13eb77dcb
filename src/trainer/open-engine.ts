/** The engine of a run: the base, what its method trains on it, and the device that computes. */
import { openDevice } from "../onnx-engine/device-check.ts";
import { type EngineOptions, openTrainingEngine } from "../onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../onnx-engine/training-engine.ts";
import { onnxOptions } from "../protocol/engines/onnx.ts";
import { type ResolvedRecipe, layerChoice } from "../protocol/recipe.ts";

/** What is trained on which base, as the stages before left it. */
type Tuned = Pick<EngineOptions, "base" | "method">;

/** What the engine of a run is opened with, on whichever device. */
export function engineOptions(tuned: Tuned, recipe: ResolvedRecipe): EngineOptions {
  const { quantization, memory, threads } = onnxOptions(recipe);
  const { seed, data } = recipe;
  const { maxLength } = data;
  return { ...tuned, layers: layerChoice(recipe), quantization, memory, threads, seed, maxLength };
}

/** @throws InputError for a base model, method or length that does not fit, before anything is compiled */
export async function openEngine(
  tuned: Tuned,
  recipe: ResolvedRecipe,
  log: (line: string) => void,
): Promise<OnnxTrainingEngine> {
  const options = engineOptions(tuned, recipe);
  const device = await openDevice(onnxOptions(recipe).device, { purpose: "training", log });
  const engine = await openTrainingEngine({ ...options, device, log });
  const before = recipe.usedDevice?.name;
  if (before !== undefined && before !== engine.device.name) {
    log(`this run began on ${before} and goes on on ${engine.device.name}: the last digits differ`);
  }
  return engine;
}
