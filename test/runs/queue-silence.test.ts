/** Runs that whoever was to start them has not started: they come again, without anybody's doing. */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import path from "node:path";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { editQueue, newEntry, readQueue } from "../../src/runs/queue-file.ts";
import { RunStore } from "../../src/runs/run-store.ts";
import { StartQueue } from "../../src/runs/start-queue.ts";
import { makeRun, tinyWorkspace } from "../support/retune.ts";
import { until } from "../support/until.ts";

interface Window {
  started: string[];
  errors: string[];
  queue: StartQueue;
}

async function openWindow(
  t: TestContext,
  runsDir: string,
  start: (dir: string) => Promise<void> = () => Promise.resolve(),
): Promise<Window> {
  const store = new RunStore();
  const [started, errors]: [string[], string[]] = [[], []];
  const queue = new StartQueue({
    store,
    start: (dir) => {
      started.push(path.basename(dir));
      return start(dir);
    },
    limit: () => 9,
    onError: (_, message) => errors.push(message),
  });
  t.after(() => {
    queue.dispose();
    store.dispose();
  });
  await store.setRoots([runsDir]);
  return { started, errors, queue };
}

test("one that another window took a while ago and never started, when its time is over", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir);
  const run = path.basename(runDir);
  const entry = { run, host: hostname(), at: new Date(Date.now() - 59_000).toISOString() };
  const text = JSON.stringify({ version: 1, waiting: [], starting: [entry] });
  writeFileSync(path.join(dir, "queue.json"), text);
  const { started } = await openWindow(t, path.dirname(runDir));
  await until(() => started.includes(run), "its start");
});

test("the others, where one can't be started and the queue can't be changed then", async (t) => {
  const dir = tinyWorkspace(t);
  const runs = [await makeRun(dir), await makeRun(dir)];
  await editQueue(dir, (queue) => {
    queue.waiting = runs.map(newEntry);
    return Promise.resolve();
  });
  const { started, errors } = await openWindow(t, path.dirname(runs[0] ?? ""), (runDir) => {
    if (runDir !== runs[0]) return Promise.resolve();
    writeFileSync(path.join(dir, "queue.json"), "broken");
    return Promise.reject(new Error("no memory is left"));
  });
  await until(() => started.length > 1, "the second");
  assert.deepEqual(
    started,
    runs.map((each) => path.basename(each)),
  );
  assert.equal(errors[0], "no memory is left");
  await assert.rejects(readQueue(dir));
});
