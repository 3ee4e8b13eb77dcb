export interface LogitDifference {
  /** The largest and the mean of |merged − expected|, over all logits. */
  largest: number;
  mean: number;
  /** Share of rows whose arg-max is the same. */
  same: number;
  /** Mean over rows of KL(expected ‖ found) of their softmaxes, in nats. */
  divergence: number;
}

/** @param expected and found [rows, width] */
export function compareLogits(
  expected: Float32Array,
  found: Float32Array,
  width: number,
): LogitDifference {
  if (expected.length !== found.length) throw new Error("internal: logits of different sizes");
  const rows = expected.length / width;
  let [largest, sum, same, divergence] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs((found[i] ?? 0) - (expected[i] ?? 0));
    largest = Math.max(largest, apart);
    sum += apart;
  }
  for (let row = 0; row < rows; row++) {
    const p = expected.subarray(row * width, (row + 1) * width);
    const q = found.subarray(row * width, (row + 1) * width);
    same += Number(argMax(p) === argMax(q));
    divergence += klDivergence(p, q);
  }
  return { largest, mean: sum / expected.length, same: same / rows, divergence: divergence / rows };
}

function argMax(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > (values[best] ?? 0) ? i : best), 0);
}

/** Σ pᵢ (log pᵢ − log qᵢ), at least 0: rounding may leave it a little below. */
function klDivergence(p: Float32Array, q: Float32Array): number {
  const [logP, logQ] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const log = (p[i] ?? 0) - logP;
    sum += Math.exp(log) * (log - ((q[i] ?? 0) - logQ));
  }
  return Math.max(sum, 0);
}

export function logSumExp(values: Float32Array): number {
  const top = values.reduce((most, value) => Math.max(most, value), -Infinity);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}
