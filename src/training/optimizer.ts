/**
 * AdamW (arXiv 1711.05101) as torch.optim.AdamW computes it, over one flat float32 vector:
 *
 *   θ ← θ · (1 − η λ)
 *   m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
 *   θ ← θ − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 */
export interface AdamWState {
  /** Updates done so far, t. */
  step: number;
  firstMoments: Float32Array;
  secondMoments: Float32Array;
}

export interface AdamWOptions {
  learningRate: number;
  betas: readonly [number, number];
  epsilon: number;
  weightDecay: number;
}

/** A window [start, end) of the vector, its share of the learning rate, and whether weight decay applies to it. */
export interface ParameterRange {
  start: number;
  end: number;
  decays: boolean;
  /** Its learning rate is so many times that of the step. */
  rate: number;
}

export function initAdamW(size: number): AdamWState {
  return {
    step: 0,
    firstMoments: new Float32Array(size),
    secondMoments: new Float32Array(size),
  };
}

/** One update in place, of `parameters` and of `state`. */
export function updateAdamW(
  { parameters, gradients }: { parameters: Float32Array; gradients: Float32Array },
  state: AdamWState,
  ranges: readonly ParameterRange[],
  { learningRate, betas: [beta1, beta2], epsilon, weightDecay }: AdamWOptions,
): void {
  state.step++;
  const { firstMoments, secondMoments, step } = state;
  const secondCorrection = Math.sqrt(1 - beta2 ** step);
  for (const { start, end, decays, rate } of ranges) {
    const stepSize = (learningRate * rate) / (1 - beta1 ** step);
    const kept = decays ? 1 - learningRate * rate * weightDecay : 1;
    for (let i = start; i < end; i++) {
      const gradient = gradients[i]!;
      const first = firstMoments[i]! + (gradient - firstMoments[i]!) * (1 - beta1);
      const second = secondMoments[i]! * beta2 + gradient * gradient * (1 - beta2);
      firstMoments[i] = first;
      secondMoments[i] = second;
      const denominator = Math.sqrt(second) / secondCorrection + epsilon;
      parameters[i] = parameters[i]! * kept - (stepSize * first) / denominator;
    }
  }
}

function globalNorm(gradients: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < gradients.length; i++) sum += gradients[i]! * gradients[i]!;
  return Math.sqrt(sum);
}

/** torch.nn.utils.clip_grad_norm_'s own guard against a division by zero. */
const CLIP_EPSILON = 1e-6;

/**
 * Scales the gradients so that their global norm is at most `maxNorm`; 0 leaves them.
 * @returns the norm before
 */
export function clipGradients(gradients: Float32Array, maxNorm: number): number {
  const norm = globalNorm(gradients);
  const factor = maxNorm / (norm + CLIP_EPSILON);
  if (maxNorm > 0 && factor < 1) {
    for (let i = 0; i < gradients.length; i++) gradients[i] = gradients[i]! * factor;
  }
  return norm;
}
