/**
 * PyTorch's orthogonal parametrization of a tall matrix [d, r], which is how pyreft keeps R while it
 * trains (torch/nn/utils/parametrizations.py, _Orthogonal): in place of R stand a fixed `base` [d, d]
 * and an `original` X [d, r] with
 *
 *   R = base · H₁ H₂ … H_r I[:, :r] · diag(trunc(diag X)),  Hᵢ = I − τᵢ vᵢ vᵢᵀ,  τᵢ = 2 / |vᵢ|²,
 *
 * where vᵢ is column i of X below its diagonal, 1 on it and 0 above. A start is X = −I, R = base[:, :r].
 * Matrices lie row by row; sums are in float64.
 */

export interface OrthogonalParameters {
  /** X [d, r] */
  original: Float32Array;
  /** [d, d] */
  base: Float32Array;
}

/** R [d, r] */
export function orthogonalWeight(
  { original, base }: OrthogonalParameters,
  d: number,
  r: number,
): Float32Array {
  const reflected = identityColumns(d, r);
  for (let i = r - 1; i >= 0; i--) reflect(reflected, reflector(original, { d, r, column: i }), r);
  for (let column = 0; column < r; column++) {
    // Trained weights drift from ±1 only by weight decay, which PyTorch then cuts off as here.
    const sign = Math.trunc(original[column * r + column] ?? 0);
    for (let row = 0; row < d; row++) {
      reflected[row * r + column] = (reflected[row * r + column] ?? 0) * sign;
    }
  }
  return product(base, reflected, d, r);
}

/**
 * X and base for this R: base begins with R's columns, exactly, and the rest completes them to an
 * orthogonal matrix as far as R's are orthonormal, so that PyTorch can train on.
 */
export function orthogonalParameters(
  rotate: Float32Array,
  d: number,
  r: number,
): OrthogonalParameters {
  const original = new Float32Array(d * r);
  for (let i = 0; i < r; i++) original[i * r + i] = -1;
  const base = identityColumns(d, d);
  for (const each of householderVectors(rotate, d, r).toReversed()) reflect(base, each, d);
  const kept = Float32Array.from(base);
  for (let row = 0; row < d; row++) kept.set(rotate.subarray(row * r, (row + 1) * r), row * d);
  return { original, base: kept };
}

/** Column `column` of X as vᵢ, in full length. */
function reflector(
  original: Float32Array,
  { d, r, column }: { d: number; r: number; column: number },
): Float64Array {
  const vector = new Float64Array(d);
  vector[column] = 1;
  for (let row = column + 1; row < d; row++) vector[row] = original[row * r + column] ?? 0;
  return vector;
}

/** The reflectors of a QR decomposition: H_r … H₁ A is upper triangular. */
function householderVectors(matrix: Float32Array, d: number, r: number): Float64Array[] {
  const work = Float64Array.from(matrix);
  const vectors: Float64Array[] = [];
  for (let column = 0; column < r; column++) {
    const vector = new Float64Array(d);
    for (let row = column; row < d; row++) vector[row] = work[row * r + column] ?? 0;
    const head = vector[column] ?? 0;
    vector[column] = head + (head < 0 ? -1 : 1) * Math.sqrt(squares(vector));
    reflect(work, vector, r);
    vectors.push(vector);
  }
  return vectors;
}

/** matrix ← (I − 2 v vᵀ / |v|²) matrix, for a matrix of `columns` columns. */
function reflect(matrix: Float64Array, vector: Float64Array, columns: number): void {
  const length = squares(vector);
  if (length === 0) return;
  const along = new Float64Array(columns); // vᵀ matrix
  for (const [row, weight] of vector.entries()) {
    if (weight === 0) continue;
    for (let c = 0; c < columns; c++) {
      along[c] = (along[c] ?? 0) + weight * (matrix[row * columns + c] ?? 0);
    }
  }
  for (const [row, weight] of vector.entries()) {
    if (weight === 0) continue;
    const factor = (2 / length) * weight;
    for (let c = 0; c < columns; c++) {
      matrix[row * columns + c] = (matrix[row * columns + c] ?? 0) - factor * (along[c] ?? 0);
    }
  }
}

function squares(vector: Float64Array): number {
  return vector.reduce((sum, value) => sum + value * value, 0);
}

function identityColumns(d: number, columns: number): Float64Array {
  const matrix = new Float64Array(d * columns);
  for (let i = 0; i < columns; i++) matrix[i * columns + i] = 1;
  return matrix;
}

/** [d, d] · [d, r] */
function product(left: Float32Array, right: Float64Array, d: number, r: number): Float32Array {
  const result = new Float32Array(d * r);
  const sums = new Float64Array(r);
  for (let row = 0; row < d; row++) {
    sums.fill(0);
    for (let inner = 0; inner < d; inner++) {
      const factor = left[row * d + inner] ?? 0;
      for (let c = 0; c < r; c++) sums[c] = (sums[c] ?? 0) + factor * (right[inner * r + c] ?? 0);
    }
    result.set(sums, row * r);
  }
  return result;
}
