import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foreignRecipeSchema } from "../../src/protocol/foreign-recipe.ts";

const parse = (value: unknown) => foreignRecipeSchema.parse(value);

test("a method, an objective or an engine is a name, or a name with options", () => {
  const read = parse({
    engine: "cloud",
    method: { type: "moe", experts: 8 },
    objective: { type: "dpo" },
  });
  assert.deepEqual([read.engine, read.method, read.objective], ["cloud", "moe", "dpo"]);
});

test("a word of another type is as good as missing, and the others stay", () => {
  const read = parse({
    name: 3,
    base: "m",
    engine: {},
    method: "",
    epochs: -1,
    keepBest: "yes",
    data: "rows",
  });
  const { base, ...others } = read;
  assert.equal(base, "m");
  for (const [key, value] of Object.entries(others)) assert.equal(value, undefined, key);
});

test("within data and source each word is for itself", () => {
  const createdAt = "2026-11-27T22:00:00.000Z";
  const source = { recipePath: 4, retuneVersion: "9.0", createdAt: "yesterday" };
  const read = parse({ data: { train: "a.jsonl", eval: 3 }, source });
  assert.equal(read.data?.train, "a.jsonl");
  assert.equal(read.data?.eval, undefined);
  assert.equal(read.source?.retuneVersion, "9.0");
  assert.equal(read.source?.createdAt, undefined);
  assert.equal(parse({ source: { createdAt } }).source?.createdAt, createdAt);
});

test("whatever object stands in recipe.json, it can be shown", () => {
  const keys = fc.constantFrom(
    "name",
    "base",
    "engine",
    "method",
    "objective",
    "data",
    "epochs",
    "keepBest",
    "source",
    "x",
  );
  fc.assert(
    fc.property(fc.dictionary(keys, fc.jsonValue()), (recipe) => {
      const read = parse(recipe);
      for (const key of ["name", "base", "engine", "method", "objective"] as const) {
        const shown = read[key];
        assert.ok(shown === undefined || (typeof shown === "string" && shown !== ""), key);
      }
    }),
    { seed: 90, numRuns: 500 },
  );
});

test("what is no object is no recipe", () => {
  for (const other of [null, [], "x", 3])
    assert.equal(foreignRecipeSchema.safeParse(other).success, false);
});
