/** Dimensions are monomials: every rule is checked by giving the symbols numbers and computing with these. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Dim,
  difference,
  dimAt,
  evaluateDim,
  parseDim,
  product,
  sameShape,
  sum,
} from "../../src/graph/dim.ts";

const SIZES = new Map(Object.entries({ B: 3, T: 5, N: 7 }));
const valueOf = (dim: Dim): number => evaluateDim(dim, SIZES);

const symbols = fc.array(fc.constantFrom("B", "T", "N"), { maxLength: 3 });
const dims = fc
  .tuple(fc.integer({ min: 0, max: 40 }), symbols)
  .map(([factor, names]): Dim => product([factor, ...names]));

test("a product is worth the product of its factors' values", () => {
  fc.assert(
    fc.property(fc.array(dims, { maxLength: 4 }), (shape) => {
      const expected = shape.map(valueOf).reduce((a, b) => a * b, 1);
      assert.equal(valueOf(product(shape)), expected);
    }),
  );
});

test("products of the same factors in any order and grouping are the same text", () => {
  fc.assert(
    fc.property(dims, dims, dims, (a, b, c) => {
      assert.equal(product([a, b, c]), product([c, b, a]));
      assert.equal(product([product([a, b]), c]), product([a, product([b, c])]));
    }),
  );
});

test("is written factor first, symbols sorted, and a factor of 1 left out", () => {
  assert.equal(product(["T", 8, "B"]), "8*B*T");
  assert.equal(product(["T", "B"]), "B*T");
  assert.equal(product(["2*B", "4*T"]), "8*B*T");
  assert.equal(product([0, "B"]), 0);
  assert.equal(product([]), 1);
  assert.deepEqual(parseDim("8*B*T"), { factor: 8, symbols: ["B", "T"] });
  assert.deepEqual(parseDim("B*B"), { factor: 1, symbols: ["B", "B"] });
});

test("sums and differences over one product of symbols are worth what their parts are", () => {
  fc.assert(
    fc.property(
      symbols,
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }),
      (names, factors) => {
        const parts = factors.map((factor) => product([factor, ...names]));
        const total = factors.reduce((a, b) => a + b, 0) * valueOf(product(names));
        assert.equal(valueOf(sum(parts)), total);
        const [first] = parts as [Dim];
        assert.equal(difference(sum(parts), sum(parts.slice(1))), first);
      },
    ),
  );
});

test("zero adds to anything, and what differs by nothing is the number 0", () => {
  assert.equal(sum([0, "4*T", 0]), "4*T");
  assert.equal(sum([]), 0);
  assert.equal(difference("4*T", "4*T"), 0);
  assert.equal(difference("4*T", 0), "4*T");
});

test("symbols that differ have no sum, and the message shows the terms", () => {
  assert.throws(() => sum(["2*B", "T"]), /\[2\*B,T\] are of different symbols/u);
  assert.throws(() => sum(["B", 3]), /\[B,3\] are of different symbols/u);
  assert.throws(() => difference("T", "B"), /different symbols/u);
});

test("a symbol without a value is named", () => {
  assert.throws(() => evaluateDim("2*B*R", SIZES), /no value for dimension R/u);
});

test("axes count from either end, and one that is not there is told with the shape", () => {
  assert.equal(dimAt(["B", 4, "T"], 0), "B");
  assert.equal(dimAt(["B", 4, "T"], -1), "T");
  assert.throws(() => dimAt(["B", 4], 2), /\[B,4\] has no axis 2/u);
  assert.throws(() => dimAt(["B", 4], -3), /\[B,4\] has no axis -3/u);
});

test("shapes are the same with the same dimensions on as many axes", () => {
  assert.ok(sameShape(["B", 4], ["B", 4]));
  assert.ok(!sameShape(["B", 4], ["B", 4, 1]));
  assert.ok(!sameShape(["B", 4, 1], ["B", 4]));
  assert.ok(!sameShape(["B", 4], [4, "B"]));
});
