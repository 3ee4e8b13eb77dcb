/** What a run's folder holds, as it is read: an older version's and a newer one's too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LIVE_STATUSES,
  RUN_FILES,
  RUN_STATUSES,
  controlSchema,
  metricSchema,
  processIdentitySchema,
  runStateSchema,
} from "../../src/protocol/run-folder.ts";

const NOW = "2026-11-27T22:00:00.000Z";
const STATE = { status: "running", step: 3, createdAt: NOW } as const;

test("no two things of a run lie in one place", () => {
  const names = Object.values(RUN_FILES);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[a-z]+(?:\.(?:json|jsonl|txt))?$/);
});

test("a process is expected behind a status from its start to its end", () => {
  const still = RUN_STATUSES.filter((status) => !LIVE_STATUSES.includes(status));
  assert.deepEqual(still, ["queued", "finished", "stopped", "failed"]);
});

test("interrupted is found out, never stored", () => {
  for (const status of RUN_STATUSES)
    assert.ok(runStateSchema.safeParse({ ...STATE, status }).success);
  assert.ok(!runStateSchema.safeParse({ ...STATE, status: "interrupted" }).success);
});

test("what a newer version wrote is still there when the state is written again", () => {
  const process = { pid: 7, startedAt: "a", hostname: "h", cgroup: "new" };
  const written = { ...STATE, process, gpuShare: 0.5, endedAt: NOW };
  assert.deepEqual(runStateSchema.parse(written), written);
});

test("a state without its step, its time or with a time of another form is none", () => {
  const { step, createdAt, ...rest } = STATE;
  for (const wrong of [
    { ...rest, step },
    { ...rest, createdAt },
    { ...STATE, step: -1 },
    { ...STATE, step: 1.5 },
    { ...STATE, createdAt: "2026-11-27 22:00" },
    { ...STATE, heartbeatAt: 1_764_280_800_000 },
    { ...STATE, elapsedMs: -1 },
  ]) {
    assert.ok(!runStateSchema.safeParse(wrong).success, JSON.stringify(wrong));
  }
});

test("a process has a pid, and pid 0 is nobody's", () => {
  const identity = { pid: 1, startedAt: "", hostname: "" };
  assert.ok(processIdentitySchema.safeParse(identity).success);
  for (const pid of [0, -1, 1.5, "1"]) {
    assert.ok(!processIdentitySchema.safeParse({ ...identity, pid }).success, String(pid));
  }
});

test("a line of metrics is its numbers: what is none is left out, what is not known is kept", () => {
  const line = {
    step: 1,
    epoch: 0.5,
    elapsedMs: 10,
    evalMacroF1: 0.25,
    note: "warm",
    flags: [1],
    loss: 2,
  };
  assert.deepEqual(metricSchema.parse(line), {
    step: 1,
    epoch: 0.5,
    elapsedMs: 10,
    evalMacroF1: 0.25,
    loss: 2,
  });
});

test("a line without a step, or with a figure of ours that is no number, is no line of metrics", () => {
  const line = { step: 1, epoch: 0.5, elapsedMs: 10 };
  for (const wrong of [
    { epoch: 0, elapsedMs: 1 },
    { ...line, loss: null },
    { ...line, loss: "2" },
    { ...line, step: -1 },
    [],
    3,
  ]) {
    assert.ok(!metricSchema.safeParse(wrong).success, JSON.stringify(wrong));
  }
});

test("a run is asked to stop, or asked nothing", () => {
  for (const request of ["none", "stop"]) {
    assert.deepEqual(controlSchema.parse({ request, requestedAt: NOW }), {
      request,
      requestedAt: NOW,
    });
  }
  assert.ok(!controlSchema.safeParse({ request: "pause", requestedAt: NOW }).success);
  assert.ok(!controlSchema.safeParse({ request: "stop" }).success);
});
