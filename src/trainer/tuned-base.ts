/** A base model with what is trained on it: what every compiled graph of either is built from. */
import path from "node:path";
import { type LoraSite, loraScale, loraTensors, selectTargets } from "../adapters/lora.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import { elementCount } from "../graph/dim.ts";
import { checkBaseCopies } from "../merge/merge-plan.ts";
import { type BaseModel, locateWeights, storedTypeOf } from "../models/base-model.ts";
import type { Method } from "../protocol/recipe.ts";
import { InputError } from "../util/errors.ts";
import { type LayerChoice, trainedPredicate } from "../util/tensor-patterns.ts";
import { readPeftAdapter } from "../weights/peft-adapter.ts";
import { readTensor } from "../weights/safetensors.ts";
import { adapterSites } from "./adapter-sites.ts";
import type { Trainable } from "./engine.ts";
import { type GraphOptions, NOTHING_TUNED, type Tuning } from "./ort-graphs.ts";
import type { Feed, OrtSessionOptions } from "./ort-session.ts";

/** Parameters laid out one after the other in one vector. */
export function layOut(shapes: readonly NamedShape[]): { trainables: Trainable[]; size: number } {
  let offset = 0;
  const trainables = shapes.map(({ name, shape }): Trainable => {
    const length = elementCount(shape);
    const trainable = { name, shape, offset, length };
    offset += length;
    return trainable;
  });
  return { trainables, size: offset };
}

/** Windows into the live vector, so that what the optimizer writes is what the next run sees. */
export function parameterFeeds(
  trainables: readonly Trainable[],
  parameters: Float32Array,
): Record<string, Feed> {
  return Object.fromEntries(
    trainables.map(({ name, offset, length }) => [
      name,
      parameters.subarray(offset, offset + length),
    ]),
  );
}

/** @throws InputError when the method does not fit the base, or nothing is left to train */
export function tuningOf(
  { method, layers = {} }: { method: Method; layers?: LayerChoice | undefined },
  { architecture, dir }: Pick<BaseModel, "architecture" | "dir">,
): Tuning {
  const names = architecture.tensors.map(({ name }) => name);
  const isTrained = trainedPredicate(layers, names, dir);
  if (method.type !== "lora") {
    const trained = new Set(names.filter(isTrained));
    if (trained.size === 0) throw new InputError("freeze leaves no tensor to train");
    return { trained, adapter: undefined };
  }
  const { rank, alpha, dropout, targets, variant } = method;
  const scale = loraScale(alpha, rank, variant === "rslora");
  const chosen = selectTargets(architecture.linearLayers, targets).filter(({ path: each }) =>
    isTrained(`${each}.weight`),
  );
  if (chosen.length === 0) {
    throw new InputError("freeze, trainFirst and trainLast leave none of method.targets to train");
  }
  const sites = chosen.map((layer): LoraSite => {
    const limit = Math.min(layer.inFeatures, layer.outFeatures);
    if (rank > limit) {
      throw new InputError(
        `method.rank ${rank} is above ${limit}, the smaller side of ${layer.path} [${layer.outFeatures}, ${layer.inFeatures}]`,
      );
    }
    return { layer, rank, scale };
  });
  return {
    trained: new Set(),
    adapter: { sites, alpha, useRslora: variant === "rslora", dropout },
  };
}

export function checkLength(base: BaseModel, maxLength: number): void {
  const { maxPositions } = base.architecture;
  if (maxLength > maxPositions) {
    throw new InputError(
      `data.maxLength ${maxLength} is above the ${maxPositions} positions of ${base.dir} (max_position_embeddings); lower it to ${maxPositions}`,
    );
  }
}

export interface LoadedAdapter {
  tuning: Tuning;
  trainables: readonly Trainable[];
  parameters: Float32Array;
}

/** An adapter folder's tensors as engine parameters; none when there is no adapter. */
export async function loadAdapter(
  base: BaseModel,
  adapterDir: string | undefined,
): Promise<LoadedAdapter> {
  if (adapterDir === undefined) {
    return { tuning: NOTHING_TUNED, trainables: [], parameters: new Float32Array() };
  }
  const adapter = await readPeftAdapter(adapterDir);
  await checkBaseCopies(base, adapter);
  const sites = adapterSites(adapter, base.architecture, path.resolve(adapterDir));
  const { trainables, size } = layOut(loraTensors(sites));
  const parameters = new Float32Array(size);
  for (const { name, offset, length } of trainables) {
    const info = adapter.tensors.get(name);
    if (!info) throw new Error(`internal: adapterSites let ${name} pass`);
    parameters.subarray(offset, offset + length).set(await readTensor(info));
  }
  const { lora_alpha: alpha, use_rslora: useRslora } = adapter.config;
  return {
    tuning: { trained: new Set(), adapter: { sites, alpha, useRslora, dropout: 0 } },
    trainables,
    parameters,
  };
}

export function graphOptionsOf(
  base: BaseModel,
  tuning: Tuning,
  maxPositions: number,
): GraphOptions {
  return {
    architecture: base.architecture,
    tuning,
    maxPositions,
    typeOf: (name) => storedTypeOf(base.weights, name),
  };
}

export async function sessionOptionsOf(
  base: BaseModel,
  { threads, prepack }: { threads: number; prepack: boolean },
): Promise<OrtSessionOptions> {
  const { dir, locate } = await locateWeights(base.weights);
  return { weightsDir: dir, locate, threads, prepack };
}
