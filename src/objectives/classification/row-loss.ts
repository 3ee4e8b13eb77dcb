/** The loss of one row in plain arithmetic: what the loss of head.ts is in a graph. */
import type { Classifier } from "../../adapter-files/classifier-head.ts";

type Label = number | readonly number[];

/**
 * Loss of one row and its gradient with respect to the logits: cross-entropy of the softmax, binary
 * cross-entropy averaged over labels, or squared error.
 */
export function rowLoss(
  logits: Float32Array,
  label: Label,
  problem: Classifier["problem"],
): { loss: number; gradient: Float64Array } {
  switch (problem) {
    case "single-label": {
      const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
      const powers = Float64Array.from(logits, (logit) => Math.exp(logit - most));
      const total = powers.reduce((a, b) => a + b, 0);
      const right = Number(label);
      const gradient = powers.map((power, k) => power / total - Number(k === right));
      return { loss: Math.log(total) + most - (logits[right] ?? Number.NaN), gradient };
    }
    case "multi-label": {
      const right = new Set([label].flat());
      const classes = logits.length;
      let loss = 0;
      const gradient = Float64Array.from(logits, (z, k) => {
        const target = Number(right.has(k));
        // −log σ(z) and −log(1 − σ(z)) without overflow.
        loss += (Math.max(z, 0) - z * target + Math.log1p(Math.exp(-Math.abs(z)))) / classes;
        return (1 / (1 + Math.exp(-z)) - target) / classes;
      });
      return { loss, gradient };
    }
    case "regression": {
      const difference = (logits[0] ?? Number.NaN) - Number(label);
      return { loss: difference ** 2, gradient: Float64Array.of(2 * difference) };
    }
  }
}
