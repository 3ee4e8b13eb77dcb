/** A kill in the midst of a line of metrics.jsonl or log.txt: the next line stands by itself. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import {
  makeRun,
  readLog,
  readMetrics,
  readState,
  startTrainer,
  tinyWorkspace,
} from "../support/retune.ts";

const DATE = /^\d{4}-\d\d-\d\dT[\d:.]+Z /u;

test("lines torn in the midst, and of a character, are not glued to those of a resume", async (t) => {
  const dir = tinyWorkspace(t);
  const expected = await makeRun(dir);
  assert.equal((await (await startTrainer(expected)).finished).code, 0);
  const steps = readMetrics(expected).map(({ step, loss, evalLoss }) => ({ step, loss, evalLoss }));
  for (const torn of [
    Buffer.from('{"step":29,"epoch":7.2'),
    Buffer.from('{"step":31,"epoch":7.75,"loss":1.5,"elapsedMs":4}'),
    Buffer.from("2026-11-27T19:00:00.000Z writing é").subarray(0, -1),
    Buffer.alloc(300),
  ]) {
    const runDir = await makeRun(dir);
    assert.equal((await (await startTrainer(runDir)).finished).code, 0);
    const state = { ...readState(runDir), status: "running" };
    writeFileSync(path.join(runDir, "state.json"), JSON.stringify(state));
    for (const name of ["metrics.jsonl", "log.txt"]) appendFileSync(path.join(runDir, name), torn);
    assert.equal((await (await startTrainer(runDir)).finished).code, 0);
    assert.deepEqual(
      readMetrics(runDir).map(({ step, loss, evalLoss }) => ({ step, loss, evalLoss })),
      steps,
    );
    const log = readLog(runDir);
    assert.ok(!log.includes("\u{FFFD}"));
    const others = log.split("\n").filter((line) => line !== "" && !DATE.test(line));
    const text = torn.toString().replace(/\u{FFFD}$/u, "");
    assert.deepEqual(others, DATE.test(text) ? [] : [text]);
    assert.ok(log.split("\n").includes(text), "what the line said is kept");
    assert.ok(existsSync(path.join(runDir, "adapter/adapter_config.json")));
  }
});
