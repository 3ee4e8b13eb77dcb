/** Values of tensors that no checkpoint gives, drawn from the run's seed and the tensor's own name. */
import { createHash } from "node:crypto";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { NamedShape } from "../graph/causal-lm.ts";
import { elementCount } from "../util/element-count.ts";

export interface InitialValues {
  seed: number;
  /** Standard deviation of a from-scratch matrix, config.json's initializer_range. */
  initializerRange: number;
}

/**
 * Norms 1, biases 0, matrices normal. A tensor's values depend on the seed and its name alone, so
 * adding a layer does not change the others.
 */
export function initialValues(
  { name, shape }: NamedShape,
  { seed, initializerRange }: InitialValues,
): Float32Array {
  const length = elementCount(shape);
  if (name.endsWith(".bias")) return new Float32Array(length);
  if (shape.length === 1) return new Float32Array(length).fill(1);
  const normal = normalSource(uniformSource(`${seed}:${name}`));
  return Float32Array.from({ length }, () => normal() * initializerRange);
}

/** Uniform numbers in [0, 1) that depend on the text alone. */
export function uniformSource(text: string): () => number {
  const seed = createHash("sha256").update(text).digest().readInt32LE(0);
  const random = xoroshiro128plus(seed);
  return () => uniformFloat64(random);
}

/** Standard normal numbers by Box and Muller. */
export function normalSource(uniform: () => number): () => number {
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  };
}
