/** A lock that can't be read for a while: it says neither that its holder is gone nor that it lives. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { Lock } from "../../src/run-folder/lock.ts";
import { StateWriter } from "../../src/run-folder/state-writer.ts";
import { takeFolder } from "../../src/run-folder/take-folder.ts";

interface Held {
  file: string;
  lock: Lock;
  /** Makes reading it fail, as a drive that is away does. */
  breakIt: () => void;
  mendIt: () => void;
}

async function held(t: TestContext): Promise<Held | undefined> {
  if (process.platform !== "linux") {
    t.skip("no file here is known to fail when read");
    return undefined;
  }
  const dir = mkdtempSync(path.join(tmpdir(), "retune-lock-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, "lock");
  const lock = await Lock.take(file);
  assert.ok(lock instanceof Lock);
  const aside = path.join(dir, "aside");
  return {
    file,
    lock,
    breakIt: () => {
      renameSync(file, aside);
      // A plain file to stat; reading it is an input/output error.
      symlinkSync("/proc/self/mem", file);
    },
    mendIt: () => renameSync(aside, file),
  };
}

test("its holder does not take it for lost, and has it again", async (t) => {
  const found = await held(t);
  if (!found) return;
  const { lock, breakIt, mendIt } = found;
  breakIt();
  await assert.rejects(lock.isHeld(), /lock cannot be read: EIO/);
  await assert.rejects(lock.beat(), /lock cannot be read: EIO/);
  mendIt();
  assert.equal(await lock.isHeld(), true);
  assert.equal(await lock.beat(), true);
});

test("nobody takes it over", async (t) => {
  const found = await held(t);
  if (!found) return;
  found.breakIt();
  // Longer than whoever fills a lock may take.
  await sleep(2_200);
  await assert.rejects(Lock.take(found.file), /lock cannot be read: EIO/);
  found.mendIt();
  assert.equal(await found.lock.isHeld(), true);
});

test("a moment of it goes unnoticed", async (t) => {
  const found = await held(t);
  if (!found) return;
  found.breakIt();
  setTimeout(found.mendIt, 30);
  assert.equal(await found.lock.isHeld(), true);
});

async function writerOf(t: TestContext, dir: string): Promise<StateWriter<RunState>> {
  const state: RunState = { status: "queued", step: 0, createdAt: new Date().toISOString() };
  const taken = await takeFolder(dir, { read: () => Promise.resolve(state), busy: "works on it" });
  const writer = new StateWriter(path.join(dir, "state.json"), taken);
  t.after(() => writer.close({ status: "stopped" }));
  return writer;
}

test("work on the folder goes on meanwhile", async (t) => {
  const found = await held(t);
  if (!found) return;
  await found.lock.release();
  const dir = path.dirname(found.file);
  const writer = await writerOf(t, dir);
  found.breakIt();
  await writer.checkHeld();
  assert.equal(writer.lost.aborted, false);
  found.mendIt();
});

test("the last word of a process that ends at once leaves a folder alone that another has taken", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-lock-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [state, file] = [path.join(dir, "state.json"), path.join(dir, "lock")];
  const writer = await writerOf(t, dir);
  writeFileSync(state, "theirs");
  writeFileSync(file, "their lock");
  writer.closeNow({ status: "stopped" });
  assert.equal(readFileSync(state, "utf8"), "theirs");
  assert.equal(readFileSync(file, "utf8"), "their lock");
});
