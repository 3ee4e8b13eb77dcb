/** Each method from recipe to adapter and back, with the command alone. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { readMetrics, readState, retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const METHODS: Record<string, { change: Partial<RecipeInput>; shown: RegExp }> = {
  DoRA: {
    change: { method: { type: "lora", variant: "dora", rank: 4, dropout: 0.1 } },
    shown: /^DoRA, rank 4, alpha 16, /m,
  },
  "LoRA+ with ranks of its own and a norm trained whole": {
    change: {
      method: {
        type: "lora",
        rank: 2,
        loraPlusRatio: 8,
        rankPattern: { down_proj: 4 },
        modulesToSave: ["model.norm"],
      },
      optimizer: { learningRate: 1e-3 },
    },
    shown: /^LoRA, rank 2, alpha 16, /m,
  },
  "(IA)³": {
    change: { method: { type: "ia3" }, optimizer: { learningRate: 5e-2 } },
    shown: /^\(IA\)³, /m,
  },
  "prompt tuning": {
    change: {
      method: { type: "prompt-tuning", tokens: 6, init: "text", initText: "What is it?" },
      optimizer: { learningRate: 2e-2 },
    },
    shown: /^Prompt tuning, 6 virtual tokens, /m,
  },
  "prefix tuning": {
    change: { method: { type: "prefix-tuning", tokens: 4 }, optimizer: { learningRate: 5e-2 } },
    shown: /^Prefix tuning, 4 virtual tokens, /m,
  },
};

for (const [name, { change, shown }] of Object.entries(METHODS)) {
  test(`${name}: learns, and its adapter evaluates to the run's own loss, generates and is shown`, async (t) => {
    const dir = tinyWorkspace(t);
    const data = { train: "data.jsonl", eval: "data.jsonl", maxLength: 64 };
    const recipe = writeRecipe(dir, { epochs: 4, data, ...change });
    const runDir = path.join(dir, "run");
    const { code, stderr } = await retune("train", recipe, "--run-dir", runDir);
    assert.equal(code, 0, stderr);
    const metrics = readMetrics(runDir);
    const { bestEvalLoss } = readState(runDir);
    assert.ok(
      bestEvalLoss! < metrics[0]!.evalLoss! - 0.05,
      `${metrics[0]!.evalLoss} ${bestEvalLoss}`,
    );
    const [model, adapter] = [path.join(dir, "model"), path.join(runDir, "adapter")];
    const file = path.join(dir, "data.jsonl");
    const evaluated = await retune("eval", model, "--adapter", adapter, "--data", file, "--json");
    const { loss } = JSON.parse(evaluated.stdout) as { loss: number };
    assert.ok(Math.abs(loss - bestEvalLoss!) < 1e-5, `${loss} ${bestEvalLoss}`);
    const prompt = ["--prompt", "What is 3 squared?", "--max-tokens", "4"];
    const generated = await retune("generate", model, "--adapter", adapter, ...prompt);
    assert.equal(generated.code, 0, generated.stderr);
    assert.match((await retune("inspect", adapter)).stdout, shown);
  });
}

test("an adapter that can't be merged says so, and DoRA's is merged", async (t) => {
  const dir = tinyWorkspace(t);
  const run = async (method: RecipeInput["method"]): Promise<string> => {
    const runDir = path.join(dir, `run-${method!.type}`);
    const recipe = writeRecipe(dir, { epochs: 1, method });
    assert.equal((await retune("train", recipe, "--run-dir", runDir)).code, 0);
    return path.join(runDir, "adapter");
  };
  const [model, merged] = [path.join(dir, "model"), path.join(dir, "merged")];
  const file = path.join(dir, "data.jsonl");
  const ia3 = await retune(
    "merge",
    model,
    "--adapter",
    await run({ type: "ia3" }),
    "--out",
    merged,
  );
  assert.equal(ia3.code, 2);
  assert.match(ia3.stderr, /peft_type is "IA3", expected "LORA"/);
  const dora = await run({ type: "lora", variant: "dora", rank: 4 });
  assert.equal((await retune("merge", model, "--adapter", dora, "--out", merged)).code, 0);
  const loss = async (...args: string[]): Promise<number> =>
    (
      JSON.parse((await retune("eval", ...args, "--data", file, "--json")).stdout) as {
        loss: number;
      }
    ).loss;
  assert.ok(Math.abs((await loss(merged)) - (await loss(model, "--adapter", dora))) < 1e-5);
});
