/** The last state of a run, where the file can't be replaced when it is due. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { StateWriter } from "../../src/run-folder/state-writer.ts";
import { takeFolder } from "../../src/run-folder/take-folder.ts";

async function open(
  t: TestContext,
): Promise<{ dir: string; file: string; writer: StateWriter<RunState> }> {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-state-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const state: RunState = { status: "queued", step: 0, createdAt: new Date().toISOString() };
  const taken = await takeFolder(dir, { read: () => Promise.resolve(state), busy: "works on it" });
  const file = path.join(dir, "state.json");
  return { dir, file, writer: new StateWriter(file, taken) };
}

test("it is written as soon as the file can be replaced again", async (t) => {
  const { dir, file, writer } = await open(t);
  // No file replaces a folder.
  mkdirSync(file);
  const closed = writer.close({ status: "finished" });
  await sleep(250);
  rmdirSync(file);
  await closed;
  const { status } = JSON.parse(readFileSync(file, "utf8")) as RunState;
  assert.equal(status, "finished");
  assert.deepEqual(readdirSync(dir), ["state.json"]);
});

test("what can't be replaced at all keeps no process", async (t) => {
  const { dir, file, writer } = await open(t);
  mkdirSync(file);
  await writer.close({ status: "finished" });
  assert.deepEqual(readdirSync(dir), ["state.json"]);
});
