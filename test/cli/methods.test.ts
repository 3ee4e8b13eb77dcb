/** Each method from recipe to adapter and back, with the command alone. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { readReftAdapter } from "../../src/adapter-files/reft/reft-adapter.ts";
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
  LoReFT: {
    change: {
      method: { type: "loreft", rank: 4, positions: "f2+l3", dropout: 0.05 },
      optimizer: { learningRate: 2e-2 },
    },
    shown: /^LoReFT, rank 4, f2\+l3, tied, /m,
  },
  "DiReFT where the data say": {
    change: { method: { type: "direft", rank: 4 }, optimizer: { learningRate: 2e-2 } },
    shown: /^DiReFT, rank 4, f\d\+l\d, tied, /m,
  },
  "DiReFT, untied, one block": {
    change: {
      method: { type: "direft", rank: 4, layers: [0], positions: "f1+l2", tied: false },
      optimizer: { learningRate: 2e-2 },
    },
    shown: /^DiReFT, rank 4, f1\+l2, /m,
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
  const prompt = await retune(
    "merge",
    model,
    "--adapter",
    await run({ type: "prompt-tuning", tokens: 4 }),
    "--out",
    merged,
  );
  assert.equal(prompt.code, 2);
  assert.match(prompt.stderr, /only LORA and IA3 can be merged/);
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

test("interventions go to pyreft's files and come back the same", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "run");
  const method = { type: "loreft", rank: 3, positions: "f1+l2", tied: false } as const;
  const recipe = writeRecipe(dir, { epochs: 1, method });
  assert.equal((await retune("train", recipe, "--run-dir", runDir)).code, 0);
  const adapter = path.join(runDir, "adapter");
  const [pyreft, back] = [path.join(dir, "pyreft"), path.join(dir, "back")];
  const gone = await retune("convert", adapter, "--to", "pyreft", "--out", pyreft);
  assert.equal(gone.code, 0, gone.stderr);
  assert.match(gone.stdout, /do not say positions f1\+l2/);
  const without = await retune("convert", pyreft, "--to", "reft", "--out", back);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /--positions is missing/);
  const positions = ["--positions", "f1+l2", "--base", path.join(dir, "model")];
  const came = await retune("convert", pyreft, "--to", "reft", "--out", back, ...positions);
  assert.equal(came.code, 0, came.stderr);
  const interventions = async (folder: string) =>
    (await readReftAdapter(folder)).interventions.toSorted(
      (a, b) => a.layer - b.layer || a.unit - b.unit,
    );
  assert.deepEqual(await interventions(back), await interventions(adapter));
  const model = path.join(dir, "model");
  const loss = async (folder: string): Promise<string> =>
    (
      await retune(
        "eval",
        model,
        "--adapter",
        folder,
        "--data",
        path.join(dir, "data.jsonl"),
        "--json",
      )
    ).stdout;
  assert.equal(await loss(back), await loss(adapter));
});

test("a classifier of interventions goes to pyreft's files and back, its head too", async (t) => {
  const dir = tinyWorkspace(t);
  const rows = Array.from({ length: 12 }, (_, i) => ({
    text: `${i} plus ${i}`,
    label: `${i % 3}`,
  }));
  writeFileSync(path.join(dir, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const adapterOf = async (pooling: "last" | "mean"): Promise<string> => {
    const runDir = path.join(dir, pooling);
    const recipe = writeRecipe(dir, {
      data: { train: "rows.jsonl", maxLength: 48 },
      objective: { type: "classification", pooling },
      method: { type: "direft", rank: 2, positions: "l1" },
      epochs: 1,
    });
    assert.equal((await retune("train", recipe, "--run-dir", runDir)).code, 0);
    return path.join(runDir, "adapter");
  };
  const adapter = await adapterOf("last");
  const [pyreft, back] = [path.join(dir, "pyreft"), path.join(dir, "back")];
  const gone = await retune("convert", adapter, "--to", "pyreft", "--out", pyreft);
  assert.match(gone.stdout, /labels 0, 1, 2$/m);
  assert.match(gone.stdout, /include_model=True into a …ForSequenceClassification of 3 labels/);
  const positions = ["--positions", "l1", "--base", path.join(dir, "model")];
  const came = await retune("convert", pyreft, "--to", "reft", "--out", back, ...positions);
  assert.match(came.stdout, /a head of 3 labels, which are numbered/);
  const head = async (folder: string) => (await readReftAdapter(folder)).head;
  assert.deepEqual(await head(back), await head(adapter));
  const classifier = JSON.parse(readFileSync(path.join(back, "classifier.json"), "utf8"));
  assert.deepEqual(classifier.labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);

  const mean = await adapterOf("mean");
  const out = path.join(dir, "none");
  const refused = await retune("convert", mean, "--to", "pyreft", "--out", out);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /its head reads the mean state .* in pyreft the last token's/);
  assert.equal(existsSync(out), false);
});

test("positions that the prompts are too short for are refused by the row", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = writeRecipe(dir, { method: { type: "loreft", rank: 2, positions: "f7+l12" } });
  const { code, stderr } = await retune("train", recipe, "--run-dir", path.join(dir, "run"));
  assert.equal(code, 2);
  assert.match(
    stderr,
    /data\.jsonl:\d+: its prompt has 18 tokens, but method\.positions take 7 .* f9\+l9 or less/,
  );
});
