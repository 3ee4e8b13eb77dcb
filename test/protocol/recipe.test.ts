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
  assert.deepEqual(device.enum, ["auto", "cpu", "cuda", "dml", "coreml", "webgpu", "openvino-gpu"]);
  assert.equal(device.default, "auto");
  assert.ok(!schema.required.includes("device"));
});

// [key, values below and above what it takes]
const LIMITS: [string, number[]][] = [
  ["threads", [0, -1, 1.5, 1_025, 100_000]],
  ["batchSize", [0, 65_537, 1e300]],
  ["accumulate", [0, 1e7]],
  ["epochs", [0, -1, Number("1e-400"), 1e300, Number.NaN, Number.POSITIVE_INFINITY]],
  ["maxSteps", [0, 1e10]],
  ["evalEvery", [-1, 1e10]],
  ["saveEvery", [-1, 1e10]],
  ["keepCheckpoints", [0, 1e7]],
  ["method.rank", [0, 4_097]],
  ["method.alpha", [0, -1, 1e300, 1e-300]],
  ["method.loraPlusRatio", [0, 1e300]],
  ["method.rankPattern.q_proj", [0, 1e9]],
  ["method.alphaPattern.q_proj", [0, 1e300]],
  ["data.maxLength", [0, 2 ** 31]],
  ["optimizer.learningRate", [0, -1, 1e300, 1e-300]],
  ["optimizer.learningRates.norm", [0, 1e300]],
  ["optimizer.weightDecay", [-1, 1e300]],
  ["optimizer.epsilon", [0, 1e300]],
  ["optimizer.warmupSteps", [-1, 1e300]],
  ["optimizer.maxGradNorm", [-1, 1e300]],
  ["earlyStop.patience", [0, 1e300]],
];

for (const [key, values] of LIMITS) {
  test(`${key} has limits on both sides, and what is outside is refused by its key`, () => {
    for (const value of values) {
      const nested = key
        .split(".")
        .reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as object;
      const { error } = recipeSchema.safeParse({
        ...recipe,
        ...nested,
        ...("data" in nested ? { data: { ...recipe.data, ...(nested.data as object) } } : {}),
        ...("method" in nested ? { method: { type: "lora", ...(nested.method as object) } } : {}),
      });
      assert.deepEqual(error?.issues[0]?.path.join("."), key, String(value));
    }
  });
}
