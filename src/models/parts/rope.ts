/**
 * Tables of rotary position embeddings and their scaling variants, as transformers'
 * `modeling_rope_utils` defines them (linear: arXiv 2306.15595; YaRN: arXiv 2309.00071; llama3:
 * Llama 3.1's wavelength bands).
 */
export const ROPE_TYPES = ["default", "linear", "dynamic", "llama3", "yarn"] as const;

interface Shared {
  theta: number;
  /** D; D/2 angles. */
  headSize: number;
}

export type RopeParameters =
  /** dynamic stretches only beyond max_position_embeddings, where Retune does not go. */
  | ({ type: "default" | "dynamic" } & Shared)
  | ({ type: "linear"; factor: number } & Shared)
  | ({
      type: "llama3";
      factor: number;
      lowFrequencyFactor: number;
      highFrequencyFactor: number;
      originalPositions: number;
    } & Shared)
  | ({
      type: "yarn";
      factor: number;
      originalPositions: number;
      betaFast: number;
      betaSlow: number;
      truncate: boolean;
      attentionFactor: number | undefined;
      mscale: number | undefined;
      mscaleAllDim: number | undefined;
    } & Shared);

type Yarn = Extract<RopeParameters, { type: "yarn" }>;
type Llama3 = Extract<RopeParameters, { type: "llama3" }>;

/** D/2 angular frequencies in radians per position. */
export function ropeFrequencies(rope: RopeParameters): Float64Array {
  const half = rope.headSize / 2;
  const base = Float64Array.from({ length: half }, (_, i) => rope.theta ** (-i / half));
  switch (rope.type) {
    case "default":
    case "dynamic":
      return base;
    case "linear":
      return base.map((frequency) => frequency / rope.factor);
    case "llama3":
      return base.map((frequency) => llama3Frequency(frequency, rope));
    case "yarn":
      return yarnFrequencies(base, rope);
  }
}

/** Long wavelengths are stretched by `factor`, short ones kept, and those between blended. */
function llama3Frequency(frequency: number, rope: Llama3): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalPositions } = rope;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < originalPositions / highFrequencyFactor) return frequency;
  if (wavelength > originalPositions / lowFrequencyFactor) return frequency / factor;
  const smooth =
    (originalPositions / wavelength - lowFrequencyFactor) /
    (highFrequencyFactor - lowFrequencyFactor);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** Interpolates where a dimension turns less than betaSlow times over the original context, extrapolates above betaFast. */
function yarnFrequencies(base: Float64Array, rope: Yarn): Float64Array {
  const size = rope.headSize;
  const turns = (rotations: number): number =>
    (size * Math.log(rope.originalPositions / (rotations * 2 * Math.PI))) /
    (2 * Math.log(rope.theta));
  const round = (value: number, how: (x: number) => number): number =>
    rope.truncate ? how(value) : value;
  const low = Math.max(round(turns(rope.betaFast), Math.floor), 0);
  const top = Math.min(round(turns(rope.betaSlow), Math.ceil), size - 1);
  const high = low === top ? top + 0.001 : top;
  return base.map((frequency, i) => {
    const interpolate = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return (frequency / rope.factor) * interpolate + frequency * (1 - interpolate);
  });
}

/** What cosines and sines are multiplied by; 1 for all types but YaRN. */
export function ropeAttentionFactor(rope: RopeParameters): number {
  if (rope.type !== "yarn") return 1;
  const { factor, mscale, mscaleAllDim } = rope;
  const scale = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  if (rope.attentionFactor !== undefined) return rope.attentionFactor;
  return mscale && mscaleAllDim ? scale(mscale) / scale(mscaleAllDim) : scale(1);
}

/** cos and sin of position · frequency, each [positions, D/2] in float32. */
export function ropeTables(
  rope: RopeParameters,
  positions: number,
): { cos: Float32Array; sin: Float32Array } {
  const frequencies = ropeFrequencies(rope);
  const factor = ropeAttentionFactor(rope);
  const half = frequencies.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    frequencies.forEach((frequency, i) => {
      cos[position * half + i] = factor * Math.cos(position * frequency);
      sin[position * half + i] = factor * Math.sin(position * frequency);
    });
  }
  return { cos, sin };
}
