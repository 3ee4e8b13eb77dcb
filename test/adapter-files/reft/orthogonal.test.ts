import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  orthogonalParameters,
  orthogonalWeight,
} from "../../../src/adapter-files/reft/orthogonal.ts";
import { assertClose } from "../../support/assert-close.ts";

/** Sums of products of float32 that are of length one. */
const FLOAT32 = { atol: 1e-6 };

/** A start of random numbers: linear congruential, so that a seed says all. */
function numbers(seed: number, count: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Columns [d, r] of length one, at right angles: Gram and Schmidt's way, in float64. */
function orthonormal(seed: number, d: number, r: number): Float32Array {
  const columns: number[][] = [];
  const given = numbers(seed, d * r);
  for (let c = 0; c < r; c++) {
    let column = Array.from({ length: d }, (_, row) => given[row * r + c]!);
    for (const other of [...columns, ...columns]) {
      const along = other.reduce((sum, value, i) => sum + value * column[i]!, 0);
      column = column.map((value, i) => value - along * other[i]!);
    }
    const length = Math.hypot(...column);
    columns.push(column.map((value) => value / length));
  }
  return Float32Array.from({ length: d * r }, (_, i) => columns[i % r]![Math.floor(i / r)]!);
}

/** Aᵀ A of a matrix [d, columns]. */
function gram(matrix: Float32Array, d: number, columns: number): number[] {
  return Array.from({ length: columns * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let row = 0; row < d; row++)
      sum += matrix[row * columns + i]! * matrix[row * columns + j]!;
    return sum;
  });
}

const identity = (n: number): number[] =>
  Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));

suite("R of PyTorch's orthogonal parametrization", () => {
  test("is PyTorch's, away from its start", () => {
    // torch 2.13: torch.manual_seed(3); l = Linear(2, 4, bias=False); l.weight = qr(randn(4, 2))[0];
    // orthogonal(l); original += [[0, 0], [.5, 0], [-.25, .75], [1, -.5]]; then l.weight
    const original = Float32Array.of(-1, 0, 0.5, -1, -0.25, 0.75, 1, -0.5);
    const rows = [
      [-0.029515, 0.5910389, -0.8037697, 0.0612881],
      [-0.215692, -0.4683463, -0.3944673, -0.7606079],
      [0.9172186, -0.3030573, -0.2521613, 0.057281],
      [-0.3336405, -0.5826502, -0.3671028, 0.6437688],
    ];
    const base = Float32Array.from(rows.flat());
    const expected = [0.486367, -0.3149138, -0.7459134, -0.6350151];
    expected.push(-0.1509385, 0.2700414, 0.4292763, -0.6516615);
    assertClose(orthogonalWeight({ original, base }, 4, 2), expected, FLOAT32);
  });

  test("is one reflection, worked out by hand", () => {
    // X = (-1, 2), so v = (1, 2), τ = 2/5, H = I − (2/5)(1 2; 2 4) = (3/5 −4/5; −4/5 −3/5).
    // Its first column times trunc(−1) is (−3/5, 4/5); base swaps the two rows.
    const original = Float32Array.of(-1, 2);
    const base = Float32Array.of(0, 1, 1, 0);
    assertClose(orthogonalWeight({ original, base }, 2, 1), [0.8, -0.6], FLOAT32);
  });

  test("has its sign cut off where weight decay pulled the diagonal below one", () => {
    const base = Float32Array.of(1, 0, 0, 1);
    const weight = orthogonalWeight({ original: Float32Array.of(-0.99, 0), base }, 2, 1);
    // trunc(−0.99) is 0, and so is all of the column: PyTorch's own arithmetic.
    assertClose(weight, [0, 0], {});
  });

  for (const [d, r] of [
    [1, 1],
    [3, 1],
    [5, 5],
    [8, 3],
    [33, 16],
  ] as const) {
    test(`has orthonormal columns whatever was trained, at [${d}, ${r}]`, () => {
      for (const seed of [1, 2, 3, 4]) {
        const { original, base } = orthogonalParameters(orthonormal(seed, d, r), d, r);
        const trained = original.map((value, i) =>
          Math.floor(i / r) > i % r ? numbers(seed + 40, d * r)[i]! : value,
        );
        const weight = orthogonalWeight({ original: trained, base }, d, r);
        assertClose(gram(weight, d, r), identity(r), { atol: 4e-6 }, `seed ${seed}`);
      }
    });

    test(`comes back exactly as it was given, at [${d}, ${r}]`, () => {
      for (const seed of [5, 6, 7, 8]) {
        const rotate = orthonormal(seed, d, r);
        const parameters = orthogonalParameters(rotate, d, r);
        assert.deepEqual(orthogonalWeight(parameters, d, r), rotate, `seed ${seed}`);
      }
    });

    test(`is completed to an orthogonal base, at [${d}, ${r}]`, () => {
      for (const seed of [9, 10, 11]) {
        const { base } = orthogonalParameters(orthonormal(seed, d, r), d, r);
        assertClose(gram(base, d, d), identity(d), { atol: 4e-6 }, `seed ${seed}`);
      }
    });
  }

  test("comes back also where its columns are not orthonormal, as of merged adapters", () => {
    const rotate = numbers(12, 12);
    assert.deepEqual(orthogonalWeight(orthogonalParameters(rotate, 6, 2), 6, 2), rotate);
  });

  test("of zeros is zeros, and no column of NaN", () => {
    const { original, base } = orthogonalParameters(new Float32Array(6), 3, 2);
    assert(base.every(Number.isFinite));
    assertClose(orthogonalWeight({ original, base }, 3, 2), new Float32Array(6), {});
  });
});
