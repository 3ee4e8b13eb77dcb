/** Philox4x32-10 against its definition in whole numbers of any length, and its use as a stream of words. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { bernoulliMask, philox, randomWords } from "../../../src/merge/methods/philox.ts";

type Four = readonly [number, number, number, number];
type Two = readonly [number, number];

const MASK = 2n ** 32n - 1n;

/** The paper's figure 2 and table 2, with products of 64 bits: (hi₁ ⊕ x₁ ⊕ k₀, lo₁, hi₀ ⊕ x₃ ⊕ k₁, lo₀). */
function reference(counter: Four, key: Two): number[] {
  let [x0, x1, x2, x3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [first, second] = [0xd2511f53n * x0, 0xcd9e8d57n * x2];
    [x0, x1, x2, x3] = [
      (second >> 32n) ^ x1 ^ k0,
      second & MASK,
      (first >> 32n) ^ x3 ^ k1,
      first & MASK,
    ];
    // The golden ratio's and the square root of three's digits.
    [k0, k1] = [(k0 + 0x9e3779b9n) & MASK, (k1 + 0xbb67ae85n) & MASK];
  }
  return [x0, x1, x2, x3].map(Number);
}

function words(counter: Four, key: Two): number[] {
  const out = new Uint32Array(4);
  philox(counter, key, out);
  return [...out];
}

suite("a counter's four words", () => {
  test("are the definition's, for any counter and key", () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = xoroshiro128plus(seed);
      const word = (): number => uniformInt(random, 0, 0xffffffff);
      const [counter, key] = [
        [word(), word(), word(), word()],
        [word(), word()],
      ] as const;
      assert.deepEqual(words(counter, key), reference(counter, key), `seed ${seed}`);
    }
  });

  test("are, too, where products carry most", () => {
    for (const edge of [0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffff0000, 0xffffffff]) {
      const [counter, key] = [
        [edge, edge, edge, edge],
        [edge, edge],
      ] as const;
      assert.deepEqual(words(counter, key), reference(counter, key), edge.toString(16));
    }
  });

  test("change by half of their bits when one bit of counter or key does", () => {
    const start = words([1, 2, 3, 4], [5, 6]);
    let [changed, tried] = [0, 0];
    for (let bit = 0; bit < 32; bit++) {
      const flip = 2 ** bit;
      for (const other of [
        words([(1 ^ flip) >>> 0, 2, 3, 4], [5, 6]),
        words([1, 2, 3, 4], [5, (6 ^ flip) >>> 0]),
      ]) {
        for (const [i, word] of other.entries()) {
          changed += ((word ^ start[i]!) >>> 0).toString(2).replaceAll("0", "").length;
          tried += 32;
        }
      }
    }
    // Five standard deviations of a fair coin.
    const share = changed / tried;
    assert.ok(Math.abs(share - 0.5) < 5 * Math.sqrt(0.25 / tried), String(share));
  });
});

suite("a tensor's words", () => {
  const KEY = [123, 456] as const;

  test("are those of counters from 0, four each", () => {
    const found = randomWords({ key: KEY, start: 0, length: 10 });
    const counters = [0, 1, 2].flatMap((counter) => reference([counter, 0, 0, 0], KEY));
    assert.deepEqual([...found], counters.slice(0, 10));
  });

  test("are the same for a stretch that begins and ends anywhere", () => {
    const whole = randomWords({ key: KEY, start: 0, length: 64 });
    for (let start = 0; start < 12; start++) {
      for (const length of [0, 1, 2, 3, 4, 5, 9, 50]) {
        const part = randomWords({ key: KEY, start, length });
        assert.deepEqual(part, whole.slice(start, start + length), `${length} from ${start}`);
      }
    }
  });

  test("go on in the counter's second word behind the first 2 ** 34 elements", () => {
    const found = randomWords({ key: KEY, start: 4 * 2 ** 32 - 2, length: 6 });
    const last = reference([0xffffffff, 0, 0, 0], KEY).slice(2);
    assert.deepEqual([...found], [...last, ...reference([0, 1, 0, 0], KEY)]);
  });
});

suite("a mask", () => {
  const part = { key: [9, 9], start: 3, length: 5000 } as const;

  test("of density 0 has no ones, of density 1 nothing else", () => {
    assert.deepEqual(bernoulliMask({ ...part, density: 0 }), new Uint8Array(5000));
    assert.deepEqual(bernoulliMask({ ...part, density: 1 }), new Uint8Array(5000).fill(1));
  });

  test("of a larger density has all ones of a smaller one", () => {
    const masks = [0.1, 0.5, 0.51, 0.9].map((density) => bernoulliMask({ ...part, density }));
    for (const [i, mask] of masks.entries()) {
      const next = masks[i + 1];
      if (next)
        assert.ok(
          mask.every((bit, at) => bit <= next[at]!),
          String(i),
        );
    }
  });

  test("is one where the word is below its share of 2 ** 32, and not where it is that", () => {
    const [word = 0] = randomWords({ ...part, length: 1 });
    for (const [limit, bit] of [
      [word, 0],
      [word + 1, 1],
    ] as const) {
      const mask = bernoulliMask({ ...part, length: 1, density: limit / 2 ** 32 });
      assert.deepEqual([...mask], [bit]);
    }
  });
});
