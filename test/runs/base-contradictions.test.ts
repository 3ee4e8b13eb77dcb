import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ENGINE_FACTS } from "../../src/protocol/engines.ts";
import { recipeSchema } from "../../src/protocol/recipe.ts";
import { baseContradictions } from "../../src/runs/base-contradictions.ts";
import { COUNTING_FACTS } from "../support/counting-engine.ts";
import { tempDir } from "../support/temp-dir.ts";

test("an engine of some families refuses a base of another one, and leaves to others what can't be read", async (t) => {
  const can = { ...COUNTING_FACTS.can, families: ["llama"] };
  t.after(ENGINE_FACTS.add({ ...COUNTING_FACTS, can }));
  const dir = tempDir(t);
  const recipe = recipeSchema.parse({
    base: "x",
    engine: "counting",
    data: { train: "train.jsonl" },
  });
  const told = async (config: string | undefined): Promise<unknown[]> => {
    const base = path.join(dir, `base-${String(config?.length)}`);
    mkdirSync(base);
    if (config !== undefined) writeFileSync(path.join(base, "config.json"), config);
    return baseContradictions(recipe, base);
  };
  assert.deepEqual(await told('{"model_type": "llama"}'), []);
  assert.deepEqual(await told('{"model_type": "gpt2"}'), [
    { keys: ["base"], message: "engine counting trains no gpt2 models, only llama" },
  ]);
  for (const config of [undefined, "{", '{"model_type": 5}'])
    assert.deepEqual(await told(config), []);
  const any = recipeSchema.parse({ base: "x", data: { train: "train.jsonl" } });
  const base = path.join(dir, "gpt2");
  mkdirSync(base);
  writeFileSync(path.join(base, "config.json"), '{"model_type": "gpt2"}');
  assert.deepEqual(await baseContradictions(any, base), []);
});
