/** What a killed process left, where it can't be put in order: a run goes on beside it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { removeLeftovers } from "../../src/run-folder/leftovers.ts";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-left-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("what is none of a killed process's stays, and what was moved aside comes back once", async (t) => {
  const dir = folder(t);
  for (const name of ["adapter.12-ab.old", "adapter.13-cd.old", "notes.tmp", "a.b.12.txt"]) {
    mkdirSync(path.join(dir, name));
  }
  writeFileSync(path.join(dir, "state.json.4711"), "");
  // Someone may be writing it now.
  writeFileSync(path.join(dir, "control.json.4711"), "");
  const done = await removeLeftovers(dir);
  assert.deepEqual(readdirSync(dir).toSorted(), [
    "a.b.12.txt",
    "adapter",
    "control.json.4711",
    "notes.tmp",
  ]);
  assert.deepEqual(done.toSorted(), [
    "adapter is back: a process was killed while it replaced it",
    "removed adapter.13-cd.old, which a killed process left",
    "removed state.json.4711, which a killed process left",
  ]);
});

test("what can't be removed is told, and the rest goes", async (t) => {
  const dir = folder(t);
  const kept = path.join(dir, "adapter.12-ab.tmp");
  mkdirSync(kept);
  mkdirSync(path.join(dir, "model.12-ab.tmp"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", kept], { stdio: "ignore" });
  } catch {
    return t.skip("this account may not mount a small file system");
  }
  try {
    const [first = "", second] = (await removeLeftovers(dir)).toSorted();
    assert.match(
      first,
      /^adapter\.12-ab\.tmp, which a killed process left, can't be removed: EBUSY/,
    );
    assert.equal(second, "removed model.12-ab.tmp, which a killed process left");
    assert.deepEqual(readdirSync(dir), ["adapter.12-ab.tmp"]);
  } finally {
    execFileSync("umount", [kept]);
  }
});

test("a folder of checkpoints that is none fails the run with a message in its state", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t));
  writeFileSync(path.join(runDir, "checkpoints"), "");
  const { code } = await (await startTrainer(runDir)).finished;
  assert.equal(code, 1);
  const { status, message = "" } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(message, /ENOTDIR.*checkpoints/);
  assert.match(readFileSync(path.join(runDir, "log.txt"), "utf8"), /checkpoints can't be read/);
  assert.ok(!readdirSync(runDir).includes("lock"));
});
