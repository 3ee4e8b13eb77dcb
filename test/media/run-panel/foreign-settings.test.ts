import assert from "node:assert/strict";
import { test } from "node:test";
import { foreignGroup } from "../../../media/run-panel/foreign-settings.ts";
import type { ForeignRecipe } from "../../../src/protocol/foreign-recipe.ts";
import { Dice } from "../../support/fuzz/dice.ts";

const recipe = (unknown: Record<string, unknown>): ForeignRecipe => ({
  reason: "engine cloud is not known here",
  unknown,
});
const settingsOf = (unknown: Record<string, unknown>) =>
  foreignGroup(recipe(unknown), {}).settings.slice(1);

test("the reason stands first, whatever is unknown", () => {
  const { title, settings } = foreignGroup(recipe({}), {});
  assert.equal(title, "Not known here");
  assert.deepEqual(settings, [
    { label: "Not resumed here", value: "engine cloud is not known here" },
  ]);
});

test("where no setting is known it is the recipe, not the rest of one", () => {
  assert.equal(foreignGroup(recipe({ rank: 4 }), undefined).title, "Recipe");
});

test("each value has its own line, under its path; texts are not quoted", () => {
  assert.deepEqual(
    settingsOf({ method: { type: "moe", experts: { count: 4, shared: true } }, note: 'a "b"' }),
    [
      { label: "method.type", value: "moe" },
      { label: "method.experts.count", value: "4" },
      { label: "method.experts.shared", value: "true" },
      { label: "note", value: 'a "b"' },
    ],
  );
});

test("a list is one value, and so is nothing", () => {
  assert.deepEqual(settingsOf({ layers: [1, { a: "x" }], limit: null }), [
    { label: "layers", value: '[1,{"a":"x"}]' },
    { label: "limit", value: "null" },
  ]);
});

test("no value of any recipe is lost: there is a line for each leaf", () => {
  for (let seed = 0; seed < 100; seed++) {
    const dice = new Dice(seed);
    let leaves = 0;
    const node = (depth: number): Record<string, unknown> =>
      Object.fromEntries(
        Array.from({ length: 1 + dice.int(3) }, (_, index) => {
          if (depth > 0 && dice.int(2) === 0) return [`k${index}`, node(depth - 1)];
          leaves += 1;
          return [`k${index}`, dice.int(100)];
        }),
      );
    const settings = settingsOf(node(3));
    assert.equal(settings.length, leaves, `seed ${seed}`);
    assert.equal(new Set(settings.map(({ label }) => label)).size, leaves, `seed ${seed}`);
  }
});
