import assert from "node:assert/strict";
import { test } from "node:test";
import { RETUNE_VERSION } from "../../src/util/version.ts";
import { parseRunRecipe } from "../../src/run-folder/run-recipe.ts";

const CREATED = "2026-11-20T10:00:00.000Z";
const KNOWN = {
  name: "tone",
  base: "/models/tiny",
  method: { type: "lora", rank: 4 },
  data: { train: "/data/train.jsonl" },
  optimizer: { learningRate: 1e-4 },
  source: { retuneVersion: RETUNE_VERSION, createdAt: CREATED },
};

const parse = (change: object) => parseRunRecipe({ ...KNOWN, ...change }, "recipe.json");

test("what this version knows whole is a recipe and nothing foreign", () => {
  const { recipe, foreign } = parse({});
  assert.deepEqual([recipe?.name, recipe?.method.type, foreign], ["tone", "lora", undefined]);
});

test("single keys that are not known leave the rest known, and are kept by their path", () => {
  const { recipe, foreign } = parse({
    ladder: 3,
    optimizer: { learningRate: 1e-4, lookahead: { steps: 5 } },
  });
  assert.equal(recipe?.optimizer.learningRate, 1e-4);
  assert.deepEqual(foreign?.unknown, { ladder: 3, "optimizer.lookahead": { steps: 5 } });
  assert.equal(
    foreign?.reason,
    `Retune ${RETUNE_VERSION} does not know optimizer.lookahead, ladder`,
  );
});

for (const [what, change, word] of [
  ["a method", { method: { type: "moe", experts: 4 } }, 'method "moe"'],
  ["an objective", { objective: { type: "grpo" } }, 'objective "grpo"'],
  ["an engine", { engine: "cloud" }, 'engine "cloud"'],
  ["an engine with options", { engine: { type: "cloud", gpu: 2 } }, 'engine "cloud"'],
  ["a schedule", { optimizer: { learningRate: 1, schedule: "wsd" } }, 'optimizer.schedule "wsd"'],
] as const) {
  test(`${what} that is not known makes it foreign, and the reason says its word`, () => {
    const { recipe, foreign } = parse(change);
    assert.equal(recipe, undefined);
    assert.equal(foreign?.reason, `Retune ${RETUNE_VERSION} does not know ${word}`);
    assert.deepEqual(foreign?.unknown, { ...KNOWN, ...change });
    assert.deepEqual([foreign?.name, foreign?.base], [KNOWN.name, KNOWN.base]);
  });
}

test("a known key whose value is wrong is no other engine's affair", () => {
  for (const [change, message] of [
    [{ epochs: "many" }, /^InputError: recipe\.json: epochs: .*number/],
    [{ method: { type: "lora", rank: -1 } }, /^InputError: recipe\.json: method\.rank: /],
    [{ ladder: 3, seed: 1.5 }, /^InputError: recipe\.json: seed: .*int/],
    [{ method: { type: 5 } }, /^InputError: recipe\.json: method\.type: /],
    [{ name: undefined }, /^InputError: recipe\.json: name: /],
  ] as const) {
    assert.throws(() => parse(change), message);
  }
  assert.throws(() => parseRunRecipe([KNOWN], "recipe.json"), /^InputError: recipe\.json: /);
});

test("of another engine, or a newer version, what has another type is as good as missing", () => {
  const other = parse({
    engine: "cloud",
    epochs: "many",
    base: { hub: "a/b" },
    optimizer: undefined,
  });
  assert.deepEqual(
    [other.foreign?.epochs, other.foreign?.base, other.foreign?.name],
    [undefined, undefined, "tone"],
  );
  const newer = parse({ epochs: [1, 2], source: { retuneVersion: "999.1.0", createdAt: CREATED } });
  assert.equal(
    newer.foreign?.reason,
    `Retune ${RETUNE_VERSION} does not know epochs as Retune 999.1.0 wrote it`,
  );
  assert.equal(newer.foreign?.source?.createdAt, CREATED);
});

test("of many unknown words the first are told, and how many there are more", () => {
  const { foreign } = parse({ a: 1, b: 2, method: { type: "y" }, objective: { type: "z" } });
  assert.match(foreign?.reason ?? "", /know method "y", objective "z", a and 1 more$/);
});

test("an option that the built-in engine does not have in this version is an unknown key", () => {
  const { foreign } = parse({ engine: { type: "onnx", threads: 3, pinned: true } });
  assert.equal(foreign?.reason, `Retune ${RETUNE_VERSION} does not know pinned`);
});

test("of another engine's recipe neither its keys nor their values are told, only its words", () => {
  const { foreign } = parse({ engine: { type: "cloud", threads: 3 }, fleet: 1, seed: "none" });
  assert.equal(foreign?.reason, `Retune ${RETUNE_VERSION} does not know engine "cloud"`);
});

test("a recipe that says next to nothing is shown with that", () => {
  const { foreign } = parseRunRecipe({ engine: "cloud" }, "recipe.json");
  assert.deepEqual(
    [foreign?.engine, foreign?.name, foreign?.method],
    ["cloud", undefined, undefined],
  );
});
