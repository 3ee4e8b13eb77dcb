/** A base model with what is trained on it: what every compiled graph of either is built from. */
import type { Adapter, Tuning } from "../methods/method.ts";
import type { NamedShape } from "../graph/causal-lm.ts";
import { type BaseModel, locateWeights, storedTypeOf } from "../models/base-model.ts";
import { InputError } from "../util/errors.ts";
import type { Trainable } from "../objectives/engine.ts";
import { rowHeadOf } from "../objectives/registry.ts";
import { type GraphOptions, startName } from "./ort-graphs.ts";
import type { CompileOptions, Feed } from "./runtime.ts";
import { elementCount } from "../util/element-count.ts";

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

/** Copies of what the adapter's tensors are before anything is learnt, for adapters that read that. */
export function startFeeds(
  adapter: Adapter | undefined,
  { trainables, parameters }: { trainables: readonly Trainable[]; parameters: Float32Array },
): Record<string, Float32Array> {
  if (!adapter?.feedsStart) return {};
  const own = new Set(adapter.tensors.map(({ name }) => name));
  return Object.fromEntries(
    trainables.flatMap(({ name, offset, length }) =>
      own.has(name) ? [[startName(name), parameters.slice(offset, offset + length)]] : [],
    ),
  );
}

/** @param virtual tokens in front of every row */
export function checkLength(base: BaseModel, maxLength: number, virtual = 0): void {
  const { maxPositions } = base.architecture;
  if (maxLength + virtual <= maxPositions) return;
  const what =
    virtual === 0
      ? `data.maxLength ${maxLength} is`
      : `data.maxLength ${maxLength} and ${virtual} virtual tokens are`;
  const remedy =
    maxPositions > virtual ? `lower it to ${maxPositions - virtual}` : "lower method.tokens";
  throw new InputError(
    `${what} above the ${maxPositions} positions of ${base.dir} (max_position_embeddings); ${remedy}`,
  );
}

export function graphOptionsOf(
  base: BaseModel,
  tuning: Tuning,
  maxPositions: number,
): GraphOptions {
  return {
    architecture: base.architecture,
    tuning,
    maxPositions: maxPositions + (tuning.adapter?.virtualTokens ?? 0),
    typeOf: (name) => storedTypeOf(base.weights, name),
    rowHead: rowHeadOf(base),
  };
}

export async function sessionOptionsOf(
  base: BaseModel,
  { threads, prepack }: { threads: number; prepack: boolean },
): Promise<CompileOptions> {
  const { dir, locate } = await locateWeights(base.weights);
  return { weightsDir: dir, locate, threads, prepack };
}
