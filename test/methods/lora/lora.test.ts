/** The hooks against the papers' equations, written out on matrices that exist whole, in double precision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import type { LinearLayer, LinearResult } from "../../../src/graph/causal-lm.ts";
import type { Value } from "../../../src/graph/graph.ts";
import {
  type LoraSettings,
  loraEmbedded,
  loraHook,
  loraScale,
  loraTensors,
} from "../../../src/methods/lora/lora.ts";
import { assertClose } from "../../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../../support/interpreter.ts";

const [TOKENS, IN] = [5, 6];
const OUT = { q: 4, k: 3, v: 7 };
type Name = keyof typeof OUT;
const NAMES = Object.keys(OUT) as Name[];
const RANKS: Readonly<Partial<Record<Name, number>>> = { q: 2, v: 3 };
const SCALES: Readonly<Partial<Record<Name, number>>> = { q: 0.5, v: -1.5 };
const TOLERANCE = { rtol: 1e-12 };

/** A matrix as a list of rows. */
type Matrix = number[][];

function random(seed: number): (rows: number, columns: number) => Matrix {
  const source = xorshift128plus(seed);
  return (rows, columns) =>
    Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => source.next() / 2 ** 31),
    );
}

const fed = (matrix: Matrix): Tensor64 => tensor([matrix.length, matrix[0]!.length], matrix.flat());
const dot = (x: readonly number[], y: readonly number[]): number =>
  x.reduce((sum, value, i) => sum + value * y[i]!, 0);
const transposed = (m: Matrix): Matrix => m[0]!.map((_, column) => m.map((row) => row[column]!));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => transposed(b).map((column) => dot(row, column)));
const plus = (a: Matrix, b: Matrix, scale = 1): Matrix =>
  a.map((row, r) => row.map((value, c) => value + scale * b[r]![c]!));
const normed = (m: Matrix, lengths: readonly number[]): Matrix =>
  m.map((row, r) => row.map((value) => (lengths[r]! * value) / Math.hypot(...row)));

const layer = (name: Name): LinearLayer => ({
  path: `layers.0.${name}`,
  inFeatures: IN,
  outFeatures: OUT[name],
  isHead: false,
});
const peft = (name: Name, what: string): string => `base_model.model.layers.0.${name}.${what}`;

/** q and v are adapted, k between them is not; q alone has a bias. */
interface Case {
  useDora?: boolean;
  fromPrincipal?: boolean;
  dropped?: boolean;
}

function built({ useDora = false, fromPrincipal = false, dropped = false }: Case, seed: number) {
  const draw = random(seed);
  const b = new GraphBuilder();
  const feeds: Record<string, Tensor64> = {};
  const input = (name: string, matrix: Matrix, shape?: number[]): Value => {
    const found = fed(matrix);
    feeds[name] = shape ? tensor(shape, found.data) : found;
    return b.input(name, "float32", feeds[name].shape);
  };
  const x = draw(TOKENS, IN);
  const xValue = input("x", x);
  const weights = Object.fromEntries(NAMES.map((name) => [name, draw(OUT[name], IN)]));
  const bias = draw(1, OUT.q);
  const biasValue = input("bias", bias, [OUT.q]);
  const layers = NAMES.map((name): LinearResult => {
    const weight = input(`${name}.weight`, weights[name]!);
    const own = name === "q" ? biasValue : undefined;
    return {
      path: layer(name).path,
      base: b.gemm(xValue, weight, { c: own, transB: true }),
      weight: () => weight,
      bias: own,
      product: (z) => b.gemm(z, weight, { transB: true }),
    };
  });
  const sites = NAMES.flatMap((name) => {
    const rank = RANKS[name];
    return rank === undefined ? [] : [{ layer: layer(name), rank, scale: SCALES[name]! }];
  });
  const settings: LoraSettings = {
    sites,
    rank: 2,
    alpha: 2,
    dropout: 0,
    useRslora: false,
    useDora,
    fromPrincipal,
  };
  const live = new Map<string, { matrix: Matrix; value: Value }>();
  const start = new Map<string, { matrix: Matrix; value: Value }>();
  for (const { name, shape } of loraTensors(settings)) {
    const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
    const [now, then] = [draw(rows, columns), draw(rows, columns)];
    live.set(name, { matrix: now, value: input(name, now, [...shape]) });
    if (fromPrincipal) start.set(name, { matrix: then, value: input(`start.${name}`, then) });
  }
  const masks = sites.map(() => draw(TOKENS, IN).map((row) => row.map((v) => (v > 0 ? 2 : 0))));
  const hook = loraHook(settings, {
    tensor: (name) => live.get(name)!.value,
    start: (name) => start.get(name)!.value,
    dropoutMask: dropped ? (site) => input(`mask.${site}`, masks[site]!) : undefined,
  });
  const results = interpret(b.build(hook(b, xValue, layers)), feeds);
  const matrixOf = (of: typeof live, name: Name, what: string): Matrix =>
    of.get(peft(name, what))!.matrix;
  const update = (of: typeof live, name: Name): Matrix =>
    times(matrixOf(of, name, "lora_B.weight"), matrixOf(of, name, "lora_A.weight"));
  const biased = (y: Matrix, name: Name): Matrix =>
    name === "q" ? y.map((row) => row.map((value, c) => value + bias[0]![c]!)) : y;
  const masked = (name: Name): Matrix => {
    const mask = masks[sites.findIndex(({ layer: { path } }) => path === layer(name).path)]!;
    return x.map((row, r) => row.map((value, c) => value * mask[r]![c]!));
  };
  const lengths = (name: Name): number[] => matrixOf(live, name, "lora_magnitude_vector")[0]!;
  const check = (expected: (name: Name) => Matrix): void =>
    NAMES.forEach((name, i) => {
      const plain = times(x, transposed(weights[name]!));
      const y = RANKS[name] === undefined ? plain : expected(name);
      assertClose(results[i]!.data, biased(y, name).flat(), TOLERANCE, `${name}, seed ${seed}`);
    });
  const at = { x, weights, masked, lengths };
  return {
    ...at,
    check,
    now: (name: Name) => update(live, name),
    atStart: (name: Name) => update(start, name),
  };
}

for (const seed of [1, 2, 3]) {
  test(`y = x·(W + s·B·A)ᵀ + bias, and layers without a site stay as they are (seed ${seed})`, () => {
    const { check, x, weights, now } = built({}, seed);
    check((name) => times(x, transposed(plus(weights[name]!, now(name), SCALES[name]))));
  });

  test(`dropout falls on the input of the update alone (seed ${seed})`, () => {
    const { check, x, weights, now, masked } = built({ dropped: true }, seed);
    check((name) =>
      plus(
        times(x, transposed(weights[name]!)),
        times(masked(name), transposed(now(name))),
        SCALES[name],
      ),
    );
  });

  test(`DoRA: each row of W + s·B·A at its trained length, the bias untouched (seed ${seed})`, () => {
    const { check, x, weights, now, lengths } = built({ useDora: true }, seed);
    check((name) =>
      times(x, transposed(normed(plus(weights[name]!, now(name), SCALES[name]), lengths(name)))),
    );
  });

  test(`DoRA with dropout: x·Wᵀ stays whole, the change alone is of what is left (seed ${seed})`, () => {
    const { check, x, weights, now, lengths, masked } = built(
      { useDora: true, dropped: true },
      seed,
    );
    check((name) => {
      const tuned = normed(plus(weights[name]!, now(name), SCALES[name]), lengths(name));
      const change = plus(tuned, weights[name]!, -1);
      return plus(times(x, transposed(weights[name]!)), times(masked(name), transposed(change)));
    });
  });

  test(`PiSSA: what the factors were at the start is taken away from W (seed ${seed})`, () => {
    const { check, x, weights, now, atStart } = built({ fromPrincipal: true }, seed);
    check((name) => {
      const moved = plus(now(name), atStart(name), -1);
      return times(x, transposed(plus(weights[name]!, moved, SCALES[name])));
    });
  });
}

for (const useDora of [false, true]) {
  test(`embeddings: E + s·(B·A)ᵀ${useDora ? ", each column at its trained length" : ""}`, () => {
    const draw = random(9);
    const [V, C, rank, scale] = [8, 4, 2, 0.75];
    const embedding = { path: "model.embed_tokens", vocabSize: V, width: C, rank, scale };
    const [table, a, up, lengths] = [draw(V, C), draw(rank, V), draw(C, rank), draw(1, C)];
    const ids = [3, 0, 3, 7];
    const stem = "base_model.model.model.embed_tokens";
    const feeds: Record<string, Tensor64> = {
      table: fed(table),
      ids: tensor([4], ids),
      [`${stem}.lora_embedding_A`]: fed(a),
      [`${stem}.lora_embedding_B`]: fed(up),
      ...(useDora ? { [`${stem}.lora_magnitude_vector`]: tensor([C], lengths[0]) } : {}),
    };
    const none = { sites: [], rank, alpha: 1, useRslora: false, dropout: 0 };
    const named = loraTensors({ ...none, embedding, useDora });
    assert.deepEqual(
      named.map(({ name, shape }) => [name, shape]),
      Object.entries(feeds).flatMap(([name, { shape }]) =>
        name.startsWith(stem) ? [[name, shape]] : [],
      ),
    );
    const b = new GraphBuilder();
    const values = new Map(named.map(({ name, shape }) => [name, b.input(name, "float32", shape)]));
    const [e, at] = [b.input("table", "float32", [V, C]), b.input("ids", "int64", [4])];
    const hook = loraEmbedded(embedding, { b, tensor: (name) => values.get(name)!, useDora });
    const x = b.apply("GatherRows", [e, at], {});
    const [result] = interpret(b.build([hook(x, at, () => e)]), feeds);
    const whole = plus(table, transposed(times(up, a)), scale);
    const tuned = useDora ? transposed(normed(transposed(whole), lengths[0]!)) : whole;
    assertClose(
      result!.data,
      ids.flatMap((id) => tuned[id]!),
      TOLERANCE,
    );
  });
}

test("sites that share an input share one product with their A", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "float32", ["N", IN]);
  const sites = NAMES.map((name) => ({ layer: layer(name), rank: 2, scale: 1 }));
  const none = { rank: 2, alpha: 2, useRslora: false, useDora: false, dropout: 0 };
  const shapes = new Map(loraTensors({ ...none, sites }).map(({ name, shape }) => [name, shape]));
  const hook = loraHook(
    { ...none, sites },
    {
      tensor: (name) => b.input(name, "float32", shapes.get(name)!),
      start: () => assert.fail("nothing is taken away"),
    },
  );
  const base = (name: Name): Value => b.input(name, "float32", ["N", OUT[name]]);
  const results = NAMES.map((name): LinearResult => {
    const fail = (): never => assert.fail("the weight is not read");
    return {
      path: layer(name).path,
      base: base(name),
      weight: fail,
      bias: undefined,
      product: fail,
    };
  });
  hook(b, x, results);
  const overX = b.nodes.filter(({ op, inputs }) => op === "Gemm" && inputs.includes(x));
  assert.equal(overX.length, 1);
  assert.deepEqual(overX[0]!.outputs[0]!.shape, ["N", 6]);
});

test("the scale is alpha / r, of rsLoRA alpha / √r", () => {
  assert.equal(loraScale(16, 4, false), 4);
  assert.equal(loraScale(16, 4, true), 8);
});
