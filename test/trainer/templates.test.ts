/** A run whose base has chat templates: what it depends on, and that a template without an end can be ended. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

/** With such a template, and rows that need it. */
function chatWorkspace(t: TestContext, template: string): string {
  const dir = tinyWorkspace(t);
  writeFileSync(path.join(dir, "model/chat_template.jinja"), template);
  const messages = [
    { role: "user", content: "x" },
    { role: "assistant", content: "y" },
  ];
  const row = JSON.stringify({ messages });
  writeFileSync(path.join(dir, "data.jsonl"), `${row}\n`.repeat(600));
  return dir;
}

const ENDLESS =
  "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}{% endfor %}";

test("a run whose template loops is stopped within seconds, by control.json and by SIGTERM", async (t) => {
  const dir = chatWorkspace(t, ENDLESS);
  for (const way of ["control.json", "SIGTERM"]) {
    const runDir = await makeRun(dir);
    const { child, finished } = await startTrainer(runDir);
    const deadline = Date.now() + 60_000;
    while (readState(runDir).phase !== "tokenising data") {
      assert.ok(Date.now() < deadline, JSON.stringify(readState(runDir)));
      await sleep(20);
    }
    // Python has started, and is in the loop.
    await sleep(3_000);
    const asked = Date.now();
    if (way === "SIGTERM") child.kill("SIGTERM");
    else {
      const control = { request: "stop", requestedAt: new Date().toISOString() };
      writeFileSync(path.join(runDir, "control.json"), JSON.stringify(control));
    }
    const { code, signal, stderr } = await finished;
    const took = Date.now() - asked;
    assert.deepEqual({ code, signal, stderr }, { code: 1, signal: null, stderr: "" }, way);
    const { status, message } = readState(runDir);
    assert.equal(status, "stopped", `${way}: ${message}`);
    assert.equal(message, "stopped before its first step, while tokenising data", way);
    // By itself the template would be ended after 30 s.
    assert.ok(took < 10_000, `${way}: ${took} ms`);
  }
});

test("a run does not go on when a further template of its base has changed", async (t) => {
  const dir = chatWorkspace(t, "{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}");
  const toolUse = path.join(dir, "model/additional_chat_templates/tool_use.jinja");
  mkdirSync(path.dirname(toolUse));
  writeFileSync(toolUse, "tools");
  const runDir = await makeRun(dir, { epochs: 2000, saveEvery: 1 });
  const { child, finished } = await startTrainer(runDir);
  for (const deadline = Date.now() + 60_000; readState(runDir).step < 3; await sleep(20)) {
    assert.ok(Date.now() < deadline, JSON.stringify(readState(runDir)));
  }
  child.kill("SIGTERM");
  await finished;
  assert.equal(readState(runDir).status, "stopped");
  writeFileSync(toolUse, "other tools");
  await (
    await startTrainer(runDir)
  ).finished;
  const { status, message } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(message ?? "", /tool_use\.jinja has changed since this run began/u);
});
