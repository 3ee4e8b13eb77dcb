import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessIdentity, RunState } from "../../src/protocol/run-folder.ts";
import {
  SILENCE_LIMIT_MS,
  deriveStatus,
  hasLivingProcess,
  isAlive,
} from "../../src/run-folder/liveness.ts";

const NOW = Date.parse("2026-11-27T12:00:00Z");
const owner: ProcessIdentity = { pid: 1, startedAt: "any", hostname: "host" };
const ago = (ms: number): string => new Date(NOW - ms).toISOString();
const told = (fate: "alive" | "gone" | "unknown") => ({
  now: NOW,
  fateOf: () => Promise.resolve(fate),
});
const running = (change: Partial<RunState> = {}): RunState => ({
  status: "running",
  step: 3,
  process: owner,
  createdAt: ago(SILENCE_LIMIT_MS * 9),
  ...change,
});

test("a process that can be asked is asked, however silent it is", async () => {
  assert.equal(await isAlive(owner, 0, told("alive")), true);
  assert.equal(await isAlive(owner, NOW, told("gone")), false);
});

test("of one that can't be asked, and of one that is not named, the heartbeat tells", async () => {
  for (const identity of [owner, undefined]) {
    assert.equal(await isAlive(identity, NOW - SILENCE_LIMIT_MS, told("unknown")), true);
    assert.equal(await isAlive(identity, NOW - SILENCE_LIMIT_MS - 1, told("unknown")), false);
  }
});

test("the heartbeat counts, before it the start, before that the creation", async () => {
  const unknown = told("unknown");
  const [late, early] = [ago(SILENCE_LIMIT_MS + 1), ago(1)];
  for (const [state, expected] of [
    [running({ heartbeatAt: early, startedAt: late }), true],
    [running({ heartbeatAt: late, startedAt: early }), false],
    [running({ startedAt: early }), true],
    [running({ createdAt: early }), true],
    [running(), false],
  ] as const) {
    assert.equal(await hasLivingProcess(state, unknown), expected);
  }
});

test("a live status without its process is interrupted; others stand as they are", async () => {
  for (const status of ["starting", "running", "stopping"] as const) {
    assert.equal(await deriveStatus(running({ status }), told("gone")), "interrupted");
    assert.equal(await deriveStatus(running({ status }), told("alive")), status);
  }
  for (const status of ["queued", "finished", "stopped", "failed"] as const) {
    assert.equal(await deriveStatus(running({ status }), told("gone")), status);
    assert.equal(await hasLivingProcess(running({ status }), told("alive")), false);
  }
});
