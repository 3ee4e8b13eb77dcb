import assert from "node:assert/strict";
import { test } from "node:test";
import { type SingularValues, singularValues } from "../../src/util/svd.ts";

const TOLERANCE = 1e-13;

function assertNear(found: number, wanted: number, what: string): void {
  assert.ok(Math.abs(found - wanted) <= TOLERANCE, `${what}: ${found}, not ${wanted}`);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

/** Σ values[k] · left[k] · right[k]ᵀ is the matrix, and the vectors are orthonormal where a value is not zero. */
function assertDecomposes(found: SingularValues, matrix: readonly number[], columns: number): void {
  const { values, left, right } = found;
  for (const [place, wanted] of matrix.entries()) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const sum = values.reduce(
      (all, value, k) => all + value * left[k]![row]! * right[k]![column]!,
      0,
    );
    assertNear(sum, wanted, `[${row}, ${column}]`);
  }
  const parts = [...values.keys()].filter((k) => values[k]! > TOLERANCE);
  for (const i of parts) {
    for (const j of parts) {
      assertNear(dot(left[i]!, left[j]!), i === j ? 1 : 0, `left ${i}·${j}`);
      assertNear(dot(right[i]!, right[j]!), i === j ? 1 : 0, `right ${i}·${j}`);
    }
  }
  assert.deepEqual(
    [...values],
    [...values].toSorted((a, b) => b - a),
  );
}

test("of [[3, 0], [4, 5]] they are 3√5 and √5", () => {
  const matrix = [3, 0, 4, 5];
  const found = singularValues(matrix, 2);
  assertNear(found.values[0]!, 3 * Math.sqrt(5), "first");
  assertNear(found.values[1]!, Math.sqrt(5), "second");
  assertDecomposes(found, matrix, 2);
});

test("small ones beside large ones keep their digits", () => {
  const hilbert = [1, 1 / 2, 1 / 3, 1 / 2, 1 / 3, 1 / 4, 1 / 3, 1 / 4, 1 / 5];
  const { values } = singularValues(hilbert, 3);
  const known = [1.40831892712365, 0.122327065853906, 0.00268734035577353];
  for (const [k, wanted] of known.entries()) assertNear(values[k]!, wanted, `value ${k}`);
});

test("a tall matrix is the sum of its parts", () => {
  const columns = 7;
  const matrix = Array.from({ length: 30 * columns }, (_, k) => Math.sin(3 * k * k + k));
  assertDecomposes(singularValues(matrix, columns), matrix, columns);
});

test("what depends on other columns, or is zero, has the value 0", () => {
  // The second column is twice the first, the third is zero.
  const matrix = [1, 2, 0, 2, 4, 0, 3, 6, 0, 4, 8, 0];
  const found = singularValues(matrix, 3);
  assertNear(found.values[0]!, Math.sqrt(150), "first");
  assertNear(found.values[1]!, 0, "second");
  assertNear(found.values[2]!, 0, "third");
  assertDecomposes(found, matrix, 3);
});
