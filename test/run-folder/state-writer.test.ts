import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { LogWriter, StateWriter, takeFolder } from "../../src/run-folder/state-writer.ts";
import { currentProcessIdentity } from "../../src/util/process-identity.ts";
import { sourceUrl, startScript } from "../support/script-process.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const QUEUED: RunState = { status: "queued", step: 0, createdAt: "2026-11-20T10:00:00.000Z" };

const take = (dir: string, state: RunState = QUEUED) =>
  takeFolder(dir, { read: () => Promise.resolve(state), busy: "works on it" });

async function open(t: TestContext): Promise<{ file: string; writer: StateWriter<RunState> }> {
  const dir = tempDir(t);
  const file = path.join(dir, "state.json");
  const writer = new StateWriter(file, await take(dir));
  await writer.write();
  return { file, writer };
}

const readState = (file: string): RunState => JSON.parse(readFileSync(file, "utf8")) as RunState;

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

test("figures are written a few times a second, whatever their number; the last ones are never lost", async (t) => {
  const { file, writer } = await open(t);
  let writes = 0;
  let last = "";
  const end = performance.now() + 1_000;
  for (let step = 1; performance.now() < end; step++) {
    await writer.update({ step });
    const now = readFileSync(file, "utf8");
    if (now !== last) writes += 1;
    last = now;
  }
  assert.ok(writes >= 2 && writes <= 6, `${writes} writes`);
  const { step } = writer.state;
  await writer.close({ status: "finished" });
  assert.deepEqual([readState(file).step, readState(file).status], [step, "finished"]);
});

test("after the last word nothing changes it", async (t) => {
  const { file, writer } = await open(t);
  await writer.update({ phase: "saving" });
  await writer.close({ status: "stopped", message: "enough" });
  const said = readFileSync(file, "utf8");
  await writer.update({ status: "stopping" });
  await writer.write();
  writer.closeNow({ status: "failed" });
  assert.equal(readFileSync(file, "utf8"), said);
  assert.equal(readState(file).phase, undefined);
});

test("a process that only computes still shows that it lives, and one that is killed stops doing so", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "state.json");
  const script = startScript(
    t,
    `import { StateWriter, takeFolder } from ${JSON.stringify(sourceUrl("run-folder/state-writer.ts"))};
    const [dir, file] = ${JSON.stringify([dir, file])};
    const taken = await takeFolder(dir, { read: async () => (${JSON.stringify(QUEUED)}), busy: "" });
    const writer = new StateWriter(file, taken);
    await writer.update({ status: "running" });
    console.log("runs");
    setInterval(() => {}, 1000);`,
  );
  assert.equal(await script.line(), "runs");
  const first = readState(file).heartbeatAt;
  await until(() => readState(file).heartbeatAt !== first, "a heartbeat");
  await assert.rejects(take(dir, readState(file)), new RegExp(`process ${script.child.pid} works`));
  script.child.kill("SIGKILL");
  await script.exit();
  const { state, lock } = await take(dir, readState(file));
  assert.equal(state.process?.pid, process.pid);
  await lock.release();
});

test("lines of a log arrive in order, behind a line that a killed process left torn", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "log.txt");
  writeFileSync(file, "2026-11-20T10:00:00.000Z whole\n2026-11-20T10:00:01.000Z to");
  const log = new LogWriter(file);
  await Promise.all(["a", "b", "c"].map((line) => log.log(line)));
  const lines = readFileSync(file, "utf8").split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+Z /u, "")),
    ["whole", "to", "a", "b", "c", ""],
  );
});

test("a log that can't be written is no reason to fail", async (t) => {
  const dir = tempDir(t);
  const log = new LogWriter(path.join(dir, "gone", "log.txt"));
  await log.log("nobody reads this");
  rmSync(dir, { recursive: true });
  await log.log("nor this");
  await sleep(0);
});
