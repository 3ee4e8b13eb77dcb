/** Each merge method against its formula, written plainly in double precision over whole tensors. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { bernoulliMask, philox } from "../../../src/merge/methods/philox.ts";
import { METHODS } from "../../../src/merge/methods/registry.ts";
import { assertClose } from "../../support/assert-close.ts";
import { PLAIN, runMethod } from "../../support/run-method.ts";

/** More than two stretches, the last one odd. */
const ELEMENTS = 20_011;
const CLOSE = { rtol: 1e-12 };
const KEYS = [
  [1, 2],
  [3, 4],
  [5, 6],
] as const;

/** @param grid values are multiples of it: many differences are then equal */
function values(seed: number, grid = 2 ** -20): Float32Array {
  const random = xoroshiro128plus(seed);
  return Float32Array.from({ length: ELEMENTS }, () => {
    const sum = uniformInt(random, -1000, 1000) + uniformInt(random, -1000, 1000);
    return Math.round((sum * 1e-3 + sum ** 3 * 1e-10) / grid) * grid;
  });
}

const base = values(1);
const models = [values(2), values(3), values(4)];

test("linear is the weighted sum, with normalize the weighted mean", () => {
  const parameters = { ...PLAIN, weight: [0.5, -0.25, 2], density: [], keys: [] };
  for (const [normalize, divisor] of [
    [false, 1],
    [true, 2.25],
  ] as const) {
    const actual = runMethod(
      METHODS.linear,
      { base: undefined, models },
      { ...parameters, normalize },
    );
    const expected = Float64Array.from(
      base,
      (_, i) => (0.5 * models[0]![i]! - 0.25 * models[1]![i]! + 2 * models[2]![i]!) / divisor,
    );
    assertClose(actual, expected, CLOSE);
  }
});

test("slerp runs on the arc between two tensors, and straight between nearly parallel ones", () => {
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const near = base.map((value, i) => value + 1e-3 * models[0]![i]!);
  const opposite = base.map((value) => -value);
  const zero = new Float32Array(ELEMENTS);
  for (const other of [models[0]!, near, opposite, zero]) {
    const cosine =
      other === zero ? 0 : dot(base, other) / Math.sqrt(dot(base, base) * dot(other, other));
    const angle = Math.acos(cosine);
    const [x, y] =
      Math.abs(cosine) > 0.9995
        ? [0.7, 0.3]
        : [Math.sin(0.7 * angle) / Math.sin(angle), Math.sin(0.3 * angle) / Math.sin(angle)];
    const actual = runMethod(
      METHODS.slerp,
      { base, models: [other] },
      { ...PLAIN, t: 0.3, weight: [1], density: [], keys: [] },
    );
    assertClose(
      actual,
      Float64Array.from(base, (value, i) => x * value + y * other[i]!),
      CLOSE,
    );
  }
});

test("task arithmetic adds weighted differences to the base", () => {
  const weight = [0.5, -0.25, 2];
  const sum = (i: number): number =>
    weight.reduce((total, each, m) => total + each * (models[m]![i]! - base[i]!), 0);
  for (const [normalize, divisor] of [
    [false, 1],
    [true, 2.25],
  ] as const) {
    const actual = runMethod(
      METHODS["task-arithmetic"],
      { base, models },
      { ...PLAIN, weight, density: [], keys: [], lambda: 0.4, normalize },
    );
    assertClose(
      actual,
      Float64Array.from(base, (value, i) => value + (0.4 * sum(i)) / divisor),
      CLOSE,
    );
  }
});

/** The k first when sorted by size; equals in their order. */
function trimmed(delta: Float64Array, density: number): Float64Array {
  const size = Math.max(1, Math.floor(density * delta.length));
  const order = [...delta.keys()].toSorted(
    (i, j) => Math.fround(Math.abs(delta[j]!)) - Math.fround(Math.abs(delta[i]!)) || i - j,
  );
  const kept = new Float64Array(delta.length);
  for (const i of order.slice(0, size)) kept[i] = delta[i]!;
  return kept;
}

interface Elect {
  weight: readonly number[];
  normalize: boolean;
  lambda: number;
}

function elected(
  kept: readonly Float64Array[],
  { weight, normalize, lambda }: Elect,
): Float64Array {
  return Float64Array.from(base, (value, i) => {
    const changes = kept.map((delta, m) => weight[m]! * delta[i]!);
    const sign = changes.reduce((sum, change) => sum + change, 0) >= 0 ? 1 : -1;
    const agreeing = [...changes.keys()].filter((m) => Math.sign(changes[m]!) === sign);
    const total = agreeing.reduce((sum, m) => sum + changes[m]!, 0);
    const weights = agreeing.reduce((sum, m) => sum + weight[m]!, 0);
    return value + (lambda * total) / (normalize && weights !== 0 ? weights : 1);
  });
}

const differences = (all: readonly Float32Array[]): Float64Array[] =>
  all.map((model) => Float64Array.from(model, (value, i) => value - base[i]!));

function absoluteSum(delta: Float64Array): number {
  return delta.reduce((sum, value) => sum + Math.abs(value), 0);
}

suite("TIES", () => {
  for (const [name, all] of [
    ["fine", models],
    [
      "coarse, with many equal differences",
      [
        base.map((value, i) => value + Math.sign(Math.sin(i)) * 0.25),
        values(3, 0.5),
        values(4, 0.25),
      ],
    ],
  ] as const) {
    for (const rescale of [false, true]) {
      test(`trims, elects and sums, differences ${name}${rescale ? ", rescaled" : ""}`, () => {
        const density = [0.31, 1, 0.007];
        const parameters = { weight: [0.5, 0.7, 1.5], normalize: true, lambda: 0.9 };
        const actual = runMethod(
          METHODS.ties,
          { base, models: all },
          { ...PLAIN, ...parameters, rescale, density, keys: [] },
        );
        const kept = differences(all).map((delta, m) => {
          const cut = trimmed(delta, density[m]!);
          const factor = rescale ? absoluteSum(delta) / absoluteSum(cut) : 1;
          return cut.map((value) => factor * value);
        });
        assertClose(actual, elected(kept, parameters), CLOSE);
      });
    }
  }

  test("keeps exactly the share that density says, and one element at least", () => {
    for (const density of [0.5, 0.2, 1e-9]) {
      const parameters = { ...PLAIN, weight: [1], density: [density], keys: [] };
      const all = [base.map((value, i) => value + (i % 3 === 0 ? 0.5 : 0.25))];
      const actual = runMethod(METHODS.ties, { base, models: all }, parameters);
      const changed = actual.filter((value, i) => value !== base[i]).length;
      assert.equal(changed, Math.max(1, Math.floor(density * ELEMENTS)));
    }
  });
});

suite("DARE", () => {
  const weight = [0.5, 0.7, 1.5];
  const density = [0.3, 1, 0.8];
  const masks = KEYS.map((key, m) =>
    bernoulliMask({ key, start: 0, length: ELEMENTS, density: density[m]! }),
  );

  for (const rescale of [true, false]) {
    const kept = differences(models).map((delta, m) => {
      const left = delta.map((value, i) => (masks[m]![i] === 1 ? value : 0));
      const factor = rescale ? absoluteSum(delta) / absoluteSum(left) : 1;
      return left.map((value) => factor * value);
    });
    test(`sums or elects what the masks keep, ${rescale ? "rescaled by the L1 norm" : "as it is"}`, () => {
      const parameters = { ...PLAIN, weight, density, rescale, keys: KEYS, lambda: 0.5 };
      const linear = runMethod(METHODS["dare-linear"], { base, models }, parameters);
      const sum = (i: number): number =>
        kept.reduce((total, delta, m) => total + weight[m]! * delta[i]!, 0);
      assertClose(
        linear,
        Float64Array.from(base, (value, i) => value + 0.5 * sum(i)),
        CLOSE,
      );
      const ties = runMethod(METHODS["dare-ties"], { base, models }, parameters);
      assertClose(ties, elected(kept, { weight, normalize: false, lambda: 0.5 }), CLOSE);
    });
  }

  test("the masks keep the share they should, whatever the stretch, each key another", () => {
    const part = { key: [7, 8] as const, start: 8192, length: 8192, density: 0.3 };
    const whole = bernoulliMask({ ...part, start: 0, length: 200_000 });
    assert.deepEqual(bernoulliMask(part), whole.slice(8192, 16_384));
    const share = whole.reduce((sum, bit) => sum + bit, 0) / whole.length;
    // Five standard deviations.
    assert.ok(Math.abs(share - 0.3) < 5 * Math.sqrt((0.3 * 0.7) / 200_000), String(share));
    const other = bernoulliMask({ ...part, key: [8, 7], start: 0, length: 200_000 });
    const both = whole.filter((bit, i) => bit === 1 && other[i] === 1).length / whole.length;
    assert.ok(Math.abs(both - 0.09) < 5 * Math.sqrt((0.09 * 0.91) / 200_000), String(both));
  });

  test("Philox4x32-10 gives the published answers", () => {
    const ones = 0xffffffff;
    const digits = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;
    for (const [counter, key, words] of [
      [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
      [[ones, ones, ones, ones], [ones, ones], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
      [digits, [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
    ] as const) {
      const out = new Uint32Array(4);
      philox(counter, key, out);
      assert.equal([...out].map((word) => word.toString(16).padStart(8, "0")).join(" "), words);
    }
  });
});

test("passthrough multiplies by scale", () => {
  const parameters = { ...PLAIN, scale: [-0.5], weight: [1], density: [], keys: [] };
  const actual = runMethod(METHODS.passthrough, { base: undefined, models: [base] }, parameters);
  assertClose(
    actual,
    base.map((value) => -0.5 * value),
    CLOSE,
  );
});

test("the ends are copies: t of 0 and 1, all the weight on one, nothing added, scale 1", () => {
  const plain = { ...PLAIN, density: [1, 1], keys: [], weight: [1, 0] };
  assert.equal(METHODS.slerp.copies?.({ ...plain, t: 0 }), "base");
  assert.equal(METHODS.slerp.copies?.({ ...plain, t: 1 }), 0);
  assert.equal(METHODS.slerp.copies?.({ ...plain, t: 0.5 }), undefined);
  assert.equal(METHODS.linear.copies?.({ ...plain, weight: [0, 0.3], normalize: true }), 1);
  assert.equal(METHODS.linear.copies?.({ ...plain, weight: [0, 0.3] }), undefined);
  assert.equal(METHODS.passthrough.copies?.(plain), 0);
  for (const name of ["task-arithmetic", "ties", "dare-linear", "dare-ties"] as const) {
    assert.equal(METHODS[name].copies?.({ ...plain, lambda: 0 }), "base");
    assert.equal(METHODS[name].copies?.(plain), undefined);
  }
});
