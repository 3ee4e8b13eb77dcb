/**
 * The step that TensorFlow.js and our graph builder both take: blocks of 576 → 1536 → 576 with SiLU
 * between, all weights trained, mean squared error, Adam. Batch 1024.
 */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export const DENSE = { batch: 1024, width: 576, inner: 1536, blocks: 4, learningRate: 1e-4 };

/** What a dense worker is started with. */
export interface DenseConfig {
  threads: number;
  /** TensorFlow.js only: the folder it is installed in, and its package. */
  modules?: { dir: string; backend: "node" | "wasm" };
}

export interface DenseTensors {
  /** [batch, width] */
  x: Float32Array;
  /** [batch, width] */
  target: Float32Array;
  /** [in, out] of each layer, in order. */
  shapes: readonly (readonly [number, number])[];
  weights: readonly Float32Array[];
}

/** The same on both sides: only then can the losses be compared. */
export function denseTensors(): DenseTensors {
  const { batch, width, inner, blocks } = DENSE;
  const random = xoroshiro128plus(1);
  const uniform = (count: number, bound: number): Float32Array =>
    Float32Array.from({ length: count }, () => (2 * uniformFloat64(random) - 1) * bound);
  const shapes = Array.from({ length: blocks }, () => [
    [width, inner] as const,
    [inner, width] as const,
  ]).flat();
  return {
    x: uniform(batch * width, 1),
    target: uniform(batch * width, 1),
    shapes,
    weights: shapes.map(([from, to]) => uniform(from * to, Math.sqrt(3 / from))),
  };
}

/** Products only: forward, dW, and dx of all but the first layer. */
export function denseFlops(): number {
  const { batch, width, inner, blocks } = DENSE;
  return 2 * batch * width * inner * (3 * 2 * blocks - 1);
}
