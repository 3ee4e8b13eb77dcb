/** The engine of a run: the base, what its method trains on it, and the device that computes. */
import type { Example } from "../data/example.ts";
import type { Device } from "../onnx-engine/device.ts";
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

/**
 * @param sample rows of the data, for a device that has to prove itself
 * @throws InputError for a base model, method or length that does not fit, before anything is compiled
 */
export async function openEngine(
  tuned: Tuned & { sample: readonly Example[] },
  recipe: ResolvedRecipe,
  log: (line: string) => void,
): Promise<OnnxTrainingEngine> {
  const options = engineOptions(tuned, recipe);
  const { device: wish, precision: wished, quantization } = onnxOptions(recipe);
  // Weights in blocks are not computed with in bfloat16: docs/engine.md.
  const precision = quantization === "none" ? wished : "float32";
  const device = await openDevice(wish, { purpose: "training", precision, log });
  const engine = await openTrainingEngine({ ...options, sample: tuned.sample, device, log });
  tellChange(recipe, engine.device, log);
  return engine;
}

/** A resumed run on another device goes on, with other last digits; in another precision, with others yet. */
function tellChange(
  { usedDevice: before }: ResolvedRecipe,
  { name, precision }: Device,
  log: (line: string) => void,
): void {
  if (!before) return;
  const was = `${before.name} in ${before.precision ?? "float32"}`;
  const is = `${name} in ${precision}`;
  if (was !== is) log(`this run began on ${was} and goes on on ${is}: losses differ from here on`);
}
