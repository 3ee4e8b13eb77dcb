/** Whether Python is started beside opening the base: a quarter of a second of two cores, for nothing where no row needs it. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startTemplates } from "../../../src/data/templates/early-start.ts";
import { templateThreads } from "../../../src/data/templates/template-threads.ts";

const SAMPLE = fileURLToPath(
  new URL("../../../samples/models/retune-tiny/chat_template.jinja", import.meta.url),
);
const MESSAGES = [
  { role: "user", content: "a" },
  { role: "assistant", content: "b" },
];

test("Python starts early for rows that it has to render, and for no others", async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), "retune-"));
  t.after(() => rm(dir, { recursive: true }));
  const template = path.join(dir, "chat_template.jinja");
  const data = path.join(dir, "rows.jsonl");
  const start = t.mock.method(templateThreads, "start", () => {});
  const starts = async (row: object): Promise<number> => {
    await writeFile(data, JSON.stringify(row));
    start.mock.resetCalls();
    await startTemplates(data, { format: "auto", modelDirs: [dir] });
    return start.mock.callCount();
  };
  assert.equal(await starts({ messages: MESSAGES }), 0, "no template");
  await copyFile(SAMPLE, template);
  assert.equal(await starts({ messages: MESSAGES }), 0);
  assert.equal(await starts({ instruction: "a", output: "b" }), 0);
  assert.equal(await starts({ prompt: "a", completion: "b" }), 0);
  assert.equal(await starts({ messages: MESSAGES, tools: [] }), 1);
  await writeFile(template, "{{ messages[0].content }}");
  assert.equal(await starts({ messages: MESSAGES }), 1, "a template of nobody's list");
  assert.equal(await starts({ text: "a" }), 0);
});
