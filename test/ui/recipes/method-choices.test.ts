import assert from "node:assert/strict";
import { test } from "node:test";
import { methodSchema, trainsBase } from "../../../src/protocol/methods.ts";
import { recipeSchema } from "../../../src/protocol/recipe.ts";
import { methodChoices } from "../../../src/ui/recipes/method-choices.ts";

const choices = methodChoices();

test("LoRA, which most people want, is offered first", () => {
  assert.equal(choices[0]?.label, "LoRA");
  assert.equal(choices[0]?.recipe.method?.type, "lora");
});

test("each choice has a name, a purpose and a recipe of its own", () => {
  for (const key of ["label", "detail"] as const) {
    const texts = choices.map((choice) => choice[key]);
    assert.equal(new Set(texts).size, texts.length, key);
    assert.ok(
      texts.every((text) => text.trim() !== ""),
      key,
    );
  }
  const recipes = choices.map(({ recipe }) => JSON.stringify(recipe));
  assert.equal(new Set(recipes).size, recipes.length);
});

test("only a choice that trains part of the base says which part", () => {
  for (const { label, recipe } of choices) {
    const method = methodSchema.parse(recipe.method);
    const saysPart = recipe.trainLast !== undefined || recipe.freeze !== undefined;
    assert.ok(!saysPart || trainsBase(method), label);
  }
});

test("a choice that labels rows says so in its recipe, and is one that the schema takes", () => {
  const labelling = choices.filter(({ recipe }) => recipe.objective !== undefined);
  assert.ok(labelling.length > 0);
  for (const { label, recipe } of choices) {
    const parsed = recipeSchema.safeParse({ base: "m", data: { train: "d.jsonl" }, ...recipe });
    assert.ok(parsed.success, `${label}: ${parsed.error?.message}`);
  }
});
