/** Bytes that changed inside a checkpoint: every parser would take them for numbers. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import {
  makeRun,
  readLog,
  readMetrics,
  readState,
  retune,
  startTrainer,
  tinyWorkspace,
} from "../support/retune.ts";

const CHANGE: Partial<RecipeInput> = { keepBest: false, keepCheckpoints: 9 };

const checkpointsOf = (runDir: string): string[] =>
  readdirSync(path.join(runDir, "checkpoints")).toSorted();

/** A run that was killed in its second half, with several checkpoints. */
async function killed(t: TestContext, change = CHANGE): Promise<{ dir: string; runDir: string }> {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, change);
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  // A process that is killed between its last checkpoint and its last word.
  const state = { ...readState(runDir), status: "running" };
  writeFileSync(path.join(runDir, "state.json"), JSON.stringify(state));
  return { dir, runDir };
}

function damage(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
}

test("a checkpoint lists the SHA-256 of each of its files", async (t) => {
  const { runDir } = await killed(t);
  for (const name of checkpointsOf(runDir)) {
    const folder = path.join(runDir, "checkpoints", name);
    const listed = JSON.parse(readFileSync(path.join(folder, "sha256.json"), "utf8")) as object;
    const others = readdirSync(folder).filter((file) => file !== "sha256.json");
    const expected = others.map((file) => {
      const bytes = readFileSync(path.join(folder, file));
      return [file, createHash("sha256").update(bytes).digest("hex")];
    });
    assert.deepEqual(listed, Object.fromEntries(expected));
    assert.ok(others.includes("optimizer.safetensors") && others.includes("trainer-state.json"));
  }
});

for (const [name, file, change] of [
  ["a bit flipped in the moments", "optimizer.safetensors", (b: Buffer) => (b[b.length - 3]! ^= 4)],
  ["4 KB of zeros", "optimizer.safetensors", (b: Buffer) => b.fill(0, b.length - 4096)],
  [
    "a digit of the progress",
    "trainer-state.json",
    (b: Buffer) => (b[b.indexOf("tokens") + 9]! ^= 1),
  ],
] as const) {
  test(`${name}: named, and passed over for the checkpoint before`, async (t) => {
    const { runDir } = await killed(t);
    const [before = "", newest = ""] = checkpointsOf(runDir).slice(-2);
    const metrics = readMetrics(runDir).map(({ step, loss }) => ({ step, loss }));
    const adapter = readFileSync(path.join(runDir, "adapter/adapter_model.safetensors"));
    damage(path.join(runDir, "checkpoints", newest, file), change);
    assert.equal((await (await startTrainer(runDir)).finished).code, 0);
    assert.match(readLog(runDir), new RegExp(`${newest} can't be used: .*${file} has changed`));
    assert.match(readLog(runDir), new RegExp(`goes on from step ${Number(before.slice(5))}\\n`));
    const after = readMetrics(runDir).map(({ step, loss }) => ({ step, loss }));
    assert.deepEqual(after, metrics);
    const again = readFileSync(path.join(runDir, "adapter/adapter_model.safetensors"));
    assert.ok(again.equals(adapter), "the adapter is another one");
  });
}

test("a damaged best checkpoint: the message says that the last weights were kept, and so does the state", async (t) => {
  // With this rate the first evaluations are the best.
  const change: Partial<RecipeInput> = {
    keepBest: true,
    epochs: 12,
    evalEvery: 4,
    optimizer: { learningRate: 0.1, schedule: "constant" },
  };
  const { runDir } = await killed(t, change);
  const { bestStep = 0, step } = readState(runDir);
  assert.ok(bestStep > 0 && bestStep < step, `best ${bestStep} of ${step}`);
  const best = `step-${String(bestStep).padStart(6, "0")}`;
  damage(path.join(runDir, "checkpoints", best, "optimizer.safetensors"), (bytes) => {
    bytes[bytes.length - 3]! ^= 4;
  });
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  const state = readState(runDir);
  assert.equal(state.status, "finished");
  assert.match(
    state.message ?? "",
    new RegExp(
      `best weights, of step ${bestStep}, can't be used .*optimizer.safetensors has changed`,
    ),
  );
  assert.equal(state.bestStep, undefined);
  assert.equal(state.bestEvalLoss, undefined);
  const kept = readFileSync(path.join(runDir, "adapter/adapter_model.safetensors"));
  const newest = checkpointsOf(runDir).at(-1) ?? "";
  const last = path.join(runDir, "checkpoints", newest, "adapter_model.safetensors");
  assert.ok(kept.equals(readFileSync(last)));
});

test("an edited recipe.json is told on resume, by its keys", async (t) => {
  const { runDir } = await killed(t);
  const file = path.join(runDir, "recipe.json");
  const recipe = JSON.parse(readFileSync(file, "utf8")) as { optimizer: object };
  const optimizer = { ...recipe.optimizer, learningRate: 1e-3 };
  writeFileSync(file, JSON.stringify({ ...recipe, optimizer, evalEvery: 3 }));
  const resumed = await retune("resume", runDir);
  assert.equal(resumed.code, 0, resumed.stderr);
  const told =
    /recipe\.json was edited since its last checkpoint \((optimizer, evalEvery|evalEvery, optimizer)\)/;
  assert.match(resumed.stderr, told);
  assert.match(readState(runDir).message ?? "", told);
});

test("a recipe.json that nobody touched is not told as edited", async (t) => {
  const { runDir } = await killed(t);
  assert.equal((await (await startTrainer(runDir)).finished).code, 0);
  assert.equal(readState(runDir).message, undefined);
  assert.doesNotMatch(readLog(runDir), /was edited/);
});
