/** A linear head on given features, in plain arithmetic. */
/** logits[k] = weight[k] · features. weight [labels, C] row by row. */
export function headLogits(
  weight: Float32Array,
  features: Float32Array,
  labels: number,
): Float32Array {
  const width = features.length;
  return Float32Array.from({ length: labels }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += weight[row * width + i]! * features[i]!;
    return sum;
  });
}

/** Adds scale · gradientₖ · features to row k of `into` [labels, C]. */
export function addHeadGradient(
  into: Float32Array,
  gradient: Float64Array,
  features: Float32Array,
  scale: number,
): void {
  const width = features.length;
  for (let row = 0; row < gradient.length; row++) {
    const factor = scale * gradient[row]!;
    for (let i = 0; i < width; i++) {
      into[row * width + i] = into[row * width + i]! + factor * features[i]!;
    }
  }
}
