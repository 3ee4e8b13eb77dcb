/** A disk that is really full: a run folder on a file system of a few hundred kilobytes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { makeRun, readMetrics, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

const CHANGE: Partial<RecipeInput> = { saveEvery: 5, evalEvery: 0, keepCheckpoints: 9 };

function mountTiny(dir: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", dir], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("a full disk ends the run with one line, keeps the checkpoint before, and resume goes on", async (t) => {
  const dir = tinyWorkspace(t);
  const disk = path.join(dir, "disk");
  mkdirSync(disk);
  if (!mountTiny(disk)) {
    t.skip("this account may not mount a small file system");
    return;
  }
  try {
    await trainOn(disk, dir);
  } finally {
    execFileSync("umount", [disk]);
  }
});

async function trainOn(disk: string, dir: string): Promise<void> {
  const runDir = await makeRun(dir, CHANGE, disk);
  const expected = await makeRun(dir, CHANGE);
  const train = async (run: string) => (await startTrainer(run)).finished;

  assert.equal((await train(runDir)).code, 1);
  const { status, message = "", step } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(
    message,
    /checkpoints\/step-\d+: no space left on the disk.*free some space, then resume$/,
  );
  const kept = readdirSync(path.join(runDir, "checkpoints"));
  assert.ok(kept.length > 0 && kept.every((name) => /^step-\d{6}$/u.test(name)), kept.join());
  assert.ok(step > 5);

  execFileSync("mount", ["-o", "remount,size=8m", disk]);
  assert.equal((await train(runDir)).code, 0);
  assert.equal((await train(expected)).code, 0);
  const losses = (run: string) =>
    readMetrics(run).map(({ step: at, loss }) => ({ step: at, loss }));
  assert.deepEqual(losses(runDir), losses(expected));
}
