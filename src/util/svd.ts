/**
 * Singular values of a tall, small matrix: A = Q·R by Gram-Schmidt, each column made orthogonal twice, then the
 * columns of R turned pair by pair until they are orthogonal (one-sided Jacobi: Golub and Van Loan, Matrix
 * Computations, 8.6.3). Slow for hundreds of columns, and exact to the last digits of double precision.
 */

/** A pair of columns counts as orthogonal below this cosine, for each column that there is. */
const COSINE = Number.EPSILON;
/** Rounds through all pairs; five to ten are enough for any matrix that was seen. */
const MAX_ROUNDS = 60;

export interface SingularValues {
  /** Descending, none negative. */
  values: Float64Array;
  /** left[k] and right[k] belong to values[k]: vectors of length one, left[k] zero where values[k] is. */
  left: readonly Float64Array[];
  right: readonly Float64Array[];
}

/**
 * A = Σ values[k] · left[k] · right[k]ᵀ.
 * @param matrix A [rows, columns], row by row; rows ≥ columns
 */
export function singularValues(matrix: ArrayLike<number>, columns: number): SingularValues {
  const rows = matrix.length / columns;
  const basis = Array.from({ length: columns }, (_, column) =>
    Float64Array.from({ length: rows }, (__, row) => matrix[row * columns + column] ?? 0),
  );
  const small = orthonormalise(basis);
  const turned = basis.map((_, column) => {
    const unit = new Float64Array(columns);
    unit[column] = 1;
    return unit;
  });
  for (let round = 0; round < MAX_ROUNDS && turnPairs(small, turned); round++);
  const lengths = small.map((column) => Math.sqrt(dot(column, column)));
  const order = [...lengths.keys()].toSorted((a, b) => at(lengths, b) - at(lengths, a));
  return {
    values: Float64Array.from(order, (k) => at(lengths, k)),
    left: order.map((k) => combination(basis, at(small, k), at(lengths, k))),
    right: order.map((k) => at(turned, k)),
  };
}

/**
 * Makes the columns orthonormal in place, and zero what depends on those before it.
 * @returns the columns of R
 */
function orthonormalise(basis: readonly Float64Array[]): Float64Array[] {
  return basis.map((column, index) => {
    const factors = new Float64Array(basis.length);
    const before = Math.sqrt(dot(column, column));
    for (let pass = 0; pass < 2; pass++) {
      for (const [k, other] of basis.slice(0, index).entries()) {
        const share = dot(other, column);
        factors[k] = (factors[k] ?? 0) + share;
        add(column, other, -share);
      }
    }
    const length = Math.sqrt(dot(column, column));
    const isNew = length > Number.EPSILON * before;
    factors[index] = isNew ? length : 0;
    scale(column, isNew ? 1 / length : 0);
    return factors;
  });
}

/** @returns whether a pair was not orthogonal yet */
function turnPairs(columns: readonly Float64Array[], turned: readonly Float64Array[]): boolean {
  let hasTurned = false;
  const limit = (COSINE * columns.length) ** 2;
  for (const [j, second] of columns.entries()) {
    for (const [i, first] of columns.slice(0, j).entries()) {
      const product = dot(first, second);
      const [one, other] = [dot(first, first), dot(second, second)];
      if (!(product ** 2 > limit * one * other)) continue;
      hasTurned = true;
      const zeta = (other - one) / (2 * product);
      const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
      const cosine = 1 / Math.hypot(1, tangent);
      turn(first, second, { cosine, sine: cosine * tangent });
      turn(at(turned, i), at(turned, j), { cosine, sine: cosine * tangent });
    }
  }
  return hasTurned;
}

function turn(
  first: Float64Array,
  second: Float64Array,
  { cosine, sine }: { cosine: number; sine: number },
): void {
  for (let k = 0; k < first.length; k++) {
    const [x, y] = [first[k] ?? 0, second[k] ?? 0];
    first[k] = cosine * x - sine * y;
    second[k] = sine * x + cosine * y;
  }
}

/** Σ factors[k] · basis[k] / length. */
function combination(
  basis: readonly Float64Array[],
  factors: Float64Array,
  length: number,
): Float64Array {
  const sum = new Float64Array(basis[0]?.length ?? 0);
  if (length === 0) return sum;
  for (const [k, vector] of basis.entries()) add(sum, vector, (factors[k] ?? 0) / length);
  return sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
  return sum;
}

function add(target: Float64Array, vector: Float64Array, factor: number): void {
  for (let k = 0; k < target.length; k++) {
    target[k] = (target[k] ?? 0) + factor * (vector[k] ?? 0);
  }
}

function scale(vector: Float64Array, factor: number): void {
  for (let k = 0; k < vector.length; k++) vector[k] = (vector[k] ?? 0) * factor;
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`internal: no element ${index} of ${list.length}`);
  return found;
}
