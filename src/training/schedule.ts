/** Learning-rate schedules, step for step those of transformers' optimization.py. */
export interface Schedule {
  type: "linear" | "cosine" | "constant";
  /** Peak. */
  learningRate: number;
  warmupSteps: number;
  totalSteps: number;
}

/** A value below 1 is a share of all steps, rounded up as transformers' warmup_ratio is. */
export function warmupStepCount(warmupSteps: number, totalSteps: number): number {
  return Math.ceil(warmupSteps < 1 ? warmupSteps * totalSteps : warmupSteps);
}

/** @param step updates done before this one; so with warm-up the first update's rate is 0 */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { type, learningRate, warmupSteps, totalSteps } = schedule;
  if (step < warmupSteps) return (learningRate * step) / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (type) {
    case "constant":
      return learningRate;
    case "linear":
      return learningRate * Math.max(0, 1 - progress);
    case "cosine":
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
}
