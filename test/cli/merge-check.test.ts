/** The check after a merge: logits of the merged model against base and adapters. */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { checkMerge } from "../../src/cli/merge-check.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const CHECKED =
  /checked on (\d+) tokens of sample texts: .* by (\S+) at most, (\S+) on average; .* for (\S+) %; KL divergence (\S+) nats a token/;

function figures(text: string): number[] {
  const [, ...found] = CHECKED.exec(text) ?? [];
  assert.equal(found.length, 5, text);
  return found.map(Number);
}

test("two weighted adapters are checked as one; a model that is not theirs is told apart", async (t) => {
  const dir = tinyWorkspace(t);
  const base = path.join(dir, "model");
  const adapters: string[] = [];
  const METHODS: RecipeInput["method"][] = [
    { type: "lora", rank: 4 },
    { type: "lora", rank: 2, variant: "rslora", targets: ["q_proj", "down_proj"] },
  ];
  for (const [index, method] of METHODS.entries()) {
    const run = path.join(dir, `run-${index}`);
    const recipe = writeRecipe(dir, { method, epochs: 3, seed: index });
    const { code, stderr } = await retune("train", recipe, "--run-dir", run);
    assert.equal(code, 0, stderr);
    adapters.push(path.join(run, "adapter"));
  }
  const out = path.join(dir, "merged");
  const args = adapters.flatMap((adapter) => ["--adapter", adapter]);
  const weights = ["--weight", "0.75", "--weight", "0.5"];
  const { code, stderr } = await retune("merge", base, ...args, ...weights, "--out", out);
  assert.equal(code, 0, stderr);
  const [tokens = 0, largest = 1, mean = 1, same, divergence = 1] = figures(stderr);
  assert.ok(tokens > 100 && largest < 1e-4 && mean <= largest && divergence < 1e-8, stderr);
  assert.equal(same, 100);
  const [, apart = 0] = figures(
    await checkMerge({ baseDir: base, adapterDirs: adapters, outDir: base }),
  );
  assert.ok(apart > 0.05, `${apart}`);
});

test("adapters that no single one equals are merged, and the check says why it was not made", async (t) => {
  const dir = tinyWorkspace(t);
  const adapters: string[] = [];
  for (const type of ["lora", "ia3"] as const) {
    const run = path.join(dir, type);
    const recipe = writeRecipe(dir, { method: { type }, epochs: 1 });
    const { code, stderr } = await retune("train", recipe, "--run-dir", run);
    assert.equal(code, 0, stderr);
    adapters.push("--adapter", path.join(run, "adapter"));
  }
  const out = path.join(dir, "merged");
  const { code, stderr } = await retune(
    "merge",
    path.join(dir, "model"),
    ...adapters,
    "--out",
    out,
  );
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /not checked on sample texts: LORA and IA3 together equal no single adapter/,
  );
});

test("models are set beside those that they were merged of, unless one says no", async (t) => {
  const dir = tinyWorkspace(t);
  const model = path.join(dir, "model");
  const other = path.join(dir, "other");
  cpSync(model, other, { recursive: true });
  const same =
    /checked on (\d+) tokens of sample texts: loss (\S+) \(\S*model (\S+), other (\S+)\); all values of its 20 tensors are finite/;
  for (const [name, args] of [
    ["merge", ["merge", model, other, "--method", "linear"]],
    ["interpolate", ["interpolate", model, other, "--alpha", "0.5"]],
  ] as const) {
    const { code, stderr } = await retune(...args, "--out", path.join(dir, name));
    assert.equal(code, 0, stderr);
    const [, tokens, loss, ...theirs] = same.exec(stderr) ?? [];
    assert.ok(Number(tokens) > 100, stderr);
    assert.deepEqual(theirs, [loss, loss], stderr);
    const quiet = await retune(...args, "--no-check", "--out", path.join(dir, `${name}-quiet`));
    assert.equal(quiet.code, 0);
    assert.doesNotMatch(quiet.stderr, /check/);
  }
});
