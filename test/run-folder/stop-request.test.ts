/** What asks a process to end, and how often it must ask, on a process of its own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { writeControl } from "../../src/run-folder/control.ts";
import { StoppedError, watchStopRequests, whenAborted } from "../../src/run-folder/stop-request.ts";
import { type ScriptProcess, sourceUrl, startScript } from "../support/script-process.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const skip = process.platform === "win32" && "there are no signals there";

async function listening(t: TestContext): Promise<ScriptProcess> {
  const script = startScript(
    t,
    `import { stopOnSignals } from ${JSON.stringify(sourceUrl("run-folder/stop-request.ts"))};
    const { stop, atOnce } = stopOnSignals();
    stop.addEventListener("abort", () => console.log("stop"));
    atOnce.addEventListener("abort", () => console.log("at once"));
    setInterval(() => {}, 1000);
    console.log("ready");`,
  );
  assert.equal(await script.line(), "ready");
  return script;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`the first ${signal} asks, the second ends it by that signal`, { skip }, async (t) => {
    const script = await listening(t);
    script.child.kill(signal);
    assert.equal(await script.line(), "stop");
    await sleep(100);
    assert.equal(script.child.exitCode, null);
    script.child.kill(signal);
    assert.equal(await script.line(), "at once");
    assert.deepEqual(await script.exit(), { code: null, signal });
  });
}

test("control.json is looked at as long as it is watched, and no longer", async (t) => {
  const dir = tempDir(t);
  const never = new AbortController().signal;
  const watched = watchStopRequests(dir, never);
  const forgotten = watchStopRequests(dir, never);
  forgotten.dispose();
  await writeControl(dir, "stop");
  await until(() => watched.signal.aborted, "the request");
  watched.dispose();
  await sleep(700);
  assert.equal(forgotten.signal.aborted, false);
});

test("a stop that came before, or comes by a signal, is passed on without a look at any file", async (t) => {
  const dir = tempDir(t);
  const stop = new AbortController();
  const before = watchStopRequests(dir, AbortSignal.abort());
  const later = watchStopRequests(dir, stop.signal);
  assert.deepEqual([before.signal.aborted, later.signal.aborted], [true, false]);
  stop.abort();
  assert.equal(later.signal.aborted, true);
  before.dispose();
  later.dispose();
});

test("what waits for an abort is stopped by it, also by one that has been", async () => {
  const controller = new AbortController();
  const waiting = whenAborted(controller.signal);
  controller.abort();
  await assert.rejects(waiting, StoppedError);
  await assert.rejects(whenAborted(controller.signal), StoppedError);
});
