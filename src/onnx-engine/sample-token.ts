export interface SampleOptions {
  /** 0 takes the arg-max. */
  temperature: number;
  topP?: number | undefined;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** Draws a token id from logits [V]; ties at temperature 0 go to the lower id. */
export function sampleToken(logits: Float32Array, options: SampleOptions): number {
  const { temperature, topP = 1, random } = options;
  let best = 0;
  logits.forEach((value, id) => {
    if (value > (logits[best] ?? 0)) best = id;
  });
  if (temperature === 0) return best;
  const top = logits[best] ?? 0;
  const weights = Float64Array.from(logits, (value) => Math.exp((value - top) / temperature));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const kept = topP < 1 ? nucleus(weights, topP * sum) : { ids: undefined, sum };
  const ids = kept.ids ?? weights.keys();
  let left = random() * kept.sum;
  for (const id of ids) {
    left -= weights[id] ?? 0;
    if (left < 0) return id;
  }
  return best;
}

/** The likeliest ids that together weigh at least `enough`. */
function nucleus(weights: Float64Array, enough: number): { ids: number[]; sum: number } {
  const sorted = [...weights.keys()].toSorted((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  let sum = 0;
  const count = sorted.findIndex((id) => (sum += weights[id] ?? 0) >= enough) + 1;
  return { ids: count > 0 ? sorted.slice(0, count) : sorted, sum };
}
