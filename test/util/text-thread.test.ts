import assert from "node:assert/strict";
import { test } from "node:test";
import { startTextThread } from "../../src/util/text-thread.ts";

const THREADS = 'const { parentPort, workerData } = require("node:worker_threads");';

test("a thread gives what its script first posts, of what it was given", async () => {
  const script = `${THREADS} parentPort.postMessage(workerData.map((x) => x * x)); parentPort.postMessage("late");`;
  const thread = startTextThread<number[]>(script, [1, 2, 3], "squaring");
  assert.deepEqual(await thread.result, [1, 4, 9]);
  await thread.stop();
});

test("it rejects with what the script throws", async () => {
  const { result } = startTextThread(
    `${THREADS} throw new TypeError("wrong " + workerData)`,
    "x",
    "squaring",
  );
  await assert.rejects(result, { name: "TypeError", message: "wrong x" });
});

test("one that is stopped, or ends without a word, says what it was at", async () => {
  const busy = startTextThread("setInterval(() => {}, 1e6)", undefined, "squaring");
  await busy.stop();
  await assert.rejects(busy.result, { message: "squaring was stopped" });
  await busy.stop();
  await assert.rejects(startTextThread("", undefined, "counting").result, {
    message: "counting was stopped",
  });
});

test("a script that never yields can be stopped", async () => {
  const script = `${THREADS} parentPort.postMessage("up"); for (;;);`;
  const thread = startTextThread(script, undefined, "looping");
  assert.equal(await thread.result, "up");
  await thread.stop();
});
