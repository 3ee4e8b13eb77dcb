import type { Method } from "./method.ts";

/** Differences that are smaller count as this, as in mergekit. */
const MIN_DIFFERENCE = 1e-6;

/**
 * W = w·B + (1 − w)·A, w = min(1, t / |A − B|), element by element; A is the base: where the two differ by t or less the
 * result is B, elsewhere it moves t towards B. https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001
 */
export const nearswap: Method = {
  copies: ({ t }) => (t <= 0 ? "base" : undefined),
  combine: ({ base, models: [other] }, { parameters: { t } }) => {
    const result = new Float64Array(base!);
    for (let i = 0; i < result.length; i++) {
      const [a, b] = [base![i]!, other![i]!];
      const share = Math.min(1, Math.max(0, t) / Math.max(Math.abs(a - b), MIN_DIFFERENCE));
      result[i] = share * b + (1 - share) * a;
    }
    return result;
  },
};
