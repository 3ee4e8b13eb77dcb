import assert from "node:assert/strict";
import { test } from "node:test";
import { recipeJsonSchema } from "../../src/protocol/recipe-json-schema.ts";
import { recipeSchema } from "../../src/protocol/recipe.ts";

const recipe = { base: "model", data: { train: "rows.jsonl" } };

test("a recipe without a device leaves the choice to Retune", () => {
  assert.equal(recipeSchema.parse(recipe).device, "auto");
  assert.equal(recipeSchema.parse({ ...recipe, device: "cuda" }).device, "cuda");
});

test("a device that is none is refused by its key", () => {
  const { error } = recipeSchema.safeParse({ ...recipe, device: "gpu" });
  assert.deepEqual(error?.issues[0]?.path, ["device"]);
});

test("the editor completes the devices, and does not ask for one", () => {
  const schema = recipeJsonSchema() as {
    required: string[];
    properties: { device: { enum: string[]; default: string } };
  };
  const { device } = schema.properties;
  assert.deepEqual(device.enum, ["auto", "cpu", "cuda", "dml", "coreml", "webgpu"]);
  assert.equal(device.default, "auto");
  assert.ok(!schema.required.includes("device"));
});
