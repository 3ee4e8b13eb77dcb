import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { takeFolder } from "../../src/run-folder/take-folder.ts";
import { currentProcessIdentity } from "../../src/util/process-identity.ts";
import { tempDir } from "../support/temp-dir.ts";

const QUEUED: RunState = { status: "queued", step: 0, createdAt: "2026-11-20T10:00:00.000Z" };

const take = (dir: string, state: RunState) =>
  takeFolder(dir, { read: () => Promise.resolve(state), busy: "works on it" });

test("a state that is taken over begins anew and keeps what was reached", async (t) => {
  const before: RunState = {
    ...QUEUED,
    status: "stopped",
    step: 7,
    phase: "saving",
    message: "stopped",
    startedAt: "2026-11-20T10:01:00.000Z",
    endedAt: "2026-11-20T11:00:00.000Z",
  };
  const { state, lock } = await take(tempDir(t), before);
  const { message: _, endedAt: __, phase: ___, ...kept } = before;
  const owner = await currentProcessIdentity();
  assert.deepEqual(state, { ...kept, status: "starting", process: owner });
  await lock.release();
});

test("a state that names a living process is nobody else's, though no lock is there", async (t) => {
  const dir = tempDir(t);
  const running: RunState = {
    ...QUEUED,
    status: "running",
    process: await currentProcessIdentity(),
  };
  await assert.rejects(take(dir, running), new RegExp(`process ${process.pid} works on it$`));
  // Only the heartbeat of an engine on another machine is known.
  const elsewhere = { pid: 1, startedAt: "x", hostname: "cluster-7", pidSpace: "other" };
  const beating = { ...running, process: elsewhere, heartbeatAt: new Date().toISOString() };
  await assert.rejects(
    take(dir, beating),
    /process 1 of cluster-7 \(last heard of \d+ s ago\) works/,
  );
  const silent = { ...beating, heartbeatAt: "2026-11-20T10:00:00.000Z" };
  await (await take(dir, silent)).lock.release();
});
