import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { RunState } from "../../src/protocol/run-folder.ts";
import { StateWriter } from "../../src/run-folder/state-writer.ts";
import { takeFolder } from "../../src/run-folder/take-folder.ts";
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
    `import { StateWriter } from ${JSON.stringify(sourceUrl("run-folder/state-writer.ts"))};
    import { takeFolder } from ${JSON.stringify(sourceUrl("run-folder/take-folder.ts"))};
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
