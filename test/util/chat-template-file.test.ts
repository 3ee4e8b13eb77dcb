import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  additionalTemplates,
  chatTemplateOf,
  chatTemplatesOf,
} from "../../src/util/chat-template-file.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-template-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("files go before the config, and are called by their names", async (t) => {
  const dir = folder(t);
  assert.equal(await chatTemplatesOf(dir), undefined);
  const config = path.join(dir, "tokenizer_config.json");
  writeFileSync(config, JSON.stringify({ chat_template: "of the config" }));
  assert.deepEqual(await chatTemplatesOf(dir), {
    file: config,
    byName: { default: "of the config" },
  });
  writeFileSync(path.join(dir, "chat_template.jinja"), "a\r\nb\rc");
  mkdirSync(path.join(dir, "additional_chat_templates"));
  const tools = path.join(dir, "additional_chat_templates", "tool_use.jinja");
  writeFileSync(tools, "with tools");
  writeFileSync(path.join(dir, "additional_chat_templates", "notes.txt"), "");
  assert.deepEqual(await additionalTemplates(dir), [tools]);
  assert.deepEqual((await chatTemplatesOf(dir))?.byName, {
    default: "a\nb\nc",
    tool_use: "with tools",
  });
});

test("of several in the config the one called default counts, and what is none is passed over", async (t) => {
  const dir = folder(t);
  const named = [
    { name: "rag", template: "r" },
    { name: "default", template: "d" },
    { name: "x" },
    3,
  ];
  writeFileSync(path.join(dir, "tokenizer_config.json"), JSON.stringify({ chat_template: named }));
  assert.equal(await chatTemplateOf(dir), "d");
  assert.deepEqual(Object.keys((await chatTemplatesOf(dir))?.byName ?? {}), ["rag", "default"]);
});

test("a template that is not UTF-8 is refused with its place: no byte becomes another character", async (t) => {
  const dir = folder(t);
  const file = path.join(dir, "chat_template.jinja");
  writeFileSync(file, Buffer.from("line\nÄ {{ messages }}", "latin1"));
  await assert.rejects(
    chatTemplatesOf(dir),
    /chat_template\.jinja:2: byte 1 of the line, 0xC4, is not UTF-8/,
  );
  // As Python reads it: the mark is a character of the template.
  writeFileSync(file, "\uFEFFÄ");
  assert.equal(await chatTemplateOf(dir), "\uFEFFÄ");
});
