/** Engines in a recipe: named, with options in either place, and one from outside. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import * as z from "zod";
import { ENGINE_FACTS } from "../../src/protocol/engines.ts";
import type { EngineFacts } from "../../src/protocol/engine-facts.ts";
import { recipeJsonSchema } from "../../src/protocol/recipe-json-schema.ts";
import { type RecipeInput, recipeSchema } from "../../src/protocol/recipe.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { checkRecipe } from "../../src/ui/recipes/check-recipe.ts";
import { tinyWorkspace, writeRecipe } from "../support/retune.ts";

const plain = { base: "model", data: { train: "rows.jsonl" } };

const FARM: EngineFacts = {
  name: "farm",
  description: "a farm of machines",
  options: { machines: z.int().min(1).default(2), queue: z.string().optional() },
  can: { methods: ["lora"], objectives: "all", families: ["llama"] },
};

function planted(t: TestContext): void {
  t.after(ENGINE_FACTS.add(FARM));
}

test("the built-in engine's options mean the same beside engine and in it", () => {
  const beside = recipeSchema.parse({ ...plain, device: "cpu", memory: "speed", threads: 3 });
  const engine = { type: "onnx", device: "cpu", memory: "speed", threads: 3 };
  assert.deepEqual(recipeSchema.parse({ ...plain, engine }), beside);
  assert.equal(beside.engine, "onnx");
  assert.equal(beside.quantization, "none");
  assert.deepEqual(recipeSchema.parse({ ...plain, engine: "onnx" }), recipeSchema.parse(plain));
});

test("an option in both places, one that is none, and a bad value are refused by their place", () => {
  const issuesOf = (recipe: object) =>
    recipeSchema
      .safeParse({ ...plain, ...recipe })
      .error?.issues.map((issue) => issue.path.join("."));
  assert.deepEqual(issuesOf({ engine: { type: "onnx", device: "cpu" }, device: "cpu" }), [
    "engine.device",
  ]);
  assert.ok(issuesOf({ engine: { type: "onnx", speed: 1 } })?.includes("engine.speed"));
  assert.deepEqual(issuesOf({ engine: { type: "onnx", threads: 0 } }), ["threads"]);
  assert.deepEqual(issuesOf({ engine: "farm" }), ["engine"]);
});

test("messages about options in engine name their line", async (t) => {
  const dir = tinyWorkspace(t);
  const file = writeRecipe(dir, { engine: { type: "onnx", threads: 0 } });
  await assert.rejects(resolveRecipe(file), (error: Error) => {
    const [, line = ""] = /retune\.json:(\d+): threads: /u.exec(error.message) ?? [];
    return Number(line) > 3;
  });
  const full = { method: { type: "full" } as const };
  const contradicted = writeRecipe(dir, {
    ...full,
    engine: { type: "onnx", quantization: "int8" },
  });
  await assert.rejects(
    resolveRecipe(contradicted),
    /:([4-9]|\d\d): quantization is for method lora/,
  );
});

test("an engine from outside has options of its own, and none of another's", async (t) => {
  planted(t);
  const named = recipeSchema.parse({ ...plain, engine: "farm" });
  assert.deepEqual(named.engine, { type: "farm", machines: 2 });
  assert.ok(!("device" in named) && !("memory" in named));
  const engine = { type: "farm", machines: 5, queue: "night" };
  assert.deepEqual(recipeSchema.parse({ ...plain, engine }).engine, engine);
  const { error } = recipeSchema.safeParse({ ...plain, engine: { type: "farm", machines: 0 } });
  assert.deepEqual(error?.issues[0]?.path, ["engine", "machines"]);
  const file = writeRecipe(tinyWorkspace(t), { engine: "farm", device: "cpu" });
  await assert.rejects(
    resolveRecipe(file),
    /retune\.json:\d+: device is not a known key: it is an option of engine onnx$/,
  );
});

test("what an engine can't do is told before a run exists, by editor and command line alike", async (t) => {
  planted(t);
  const dir = tinyWorkspace(t);
  const told = async (change: Partial<RecipeInput>): Promise<string[]> => {
    const file = writeRecipe(dir, { engine: "farm", ...change });
    const findings = await checkRecipe(readFileSync(file, "utf8"), dir);
    const [first] = findings.map(({ message }) => message);
    const resolved = resolveRecipe(file);
    if (first === undefined) await resolved;
    else await assert.rejects(resolved, (error: Error) => error.message.endsWith(`: ${first}`));
    return findings.map(({ message }) => message);
  };
  assert.deepEqual(await told({}), []);
  assert.deepEqual(await told({ method: { type: "full" } }), [
    "engine farm has no method full; it has lora",
  ]);
  t.after(ENGINE_FACTS.add({ ...FARM, name: "shed", can: { ...FARM.can, families: ["gemma2"] } }));
  assert.deepEqual(await told({ engine: "shed" }), [
    "engine shed trains no llama models, only gemma2",
  ]);
});

test("the editor completes an engine's name and its options", (t) => {
  planted(t);
  const { properties } = recipeJsonSchema() as {
    properties: { engine: { default: string; anyOf: Record<string, unknown>[] } };
  };
  assert.equal(properties.engine.default, "onnx");
  const [onnx, farm, , withOptions] = properties.engine.anyOf;
  assert.deepEqual([onnx?.["const"], farm?.["const"]], ["onnx", "farm"]);
  const { properties: options, required } = withOptions as {
    properties: object;
    required: string[];
  };
  assert.deepEqual(Object.keys(options), ["type", "machines", "queue"]);
  assert.deepEqual(required, ["type"]);
});
