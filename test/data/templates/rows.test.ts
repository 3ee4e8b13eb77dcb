/** What of a row, and which of a model's templates, decides about its text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatTemplate } from "../../../src/data/templates/chat-template.ts";
import { renderRows } from "../../../src/data/templates/row-text.ts";
import { TemplateThreads } from "../../../src/data/templates/template-threads.ts";
import { chatTemplatesOf } from "../../../src/util/chat-template-file.ts";
import { InputError } from "../../../src/util/errors.ts";
import { chatRow } from "../../support/chat-row.ts";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const threads = new TemplateThreads({ limitMs: 60_000 });

function chatTemplate(source: string, own = threads): ChatTemplate {
  return new ChatTemplate({ file: "chat_template.jinja", byName: { default: source } }, {}, own);
}

/** The text of a row and its trained parts. */
async function rendered(template: ChatTemplate | undefined, json: string) {
  const row = { line: 1, value: JSON.parse(json) as Record<string, unknown>, json };
  const source = { file: "rows.jsonl", format: "auto", chatTemplate: template } as const;
  const [result] = await renderRows([row], source);
  if (!result || result instanceof InputError) throw result ?? new Error("no row came back");
  return {
    text: result.text,
    trained: result.spans.map(([start, end]) => result.text.slice(start, end)),
  };
}

const TURNS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}";

test("a row's chat_template_kwargs are variables of its template", async () => {
  const template = chatTemplate(`{{ "think" if enable_thinking else "plain" }}|${TURNS}`);
  const messages = [
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ];
  const options = { chat_template_kwargs: { enable_thinking: true } };
  const thinking = await rendered(template, JSON.stringify({ messages, ...options }));
  assert.equal(thinking.text, "think|<user>a<assistant>b");
  assert.deepEqual(thinking.trained, ["<assistant>b"]);
  assert.equal(
    (await rendered(template, JSON.stringify({ messages }))).text,
    "plain|<user>a<assistant>b",
  );
});

test("an assistant that begins a conversation is trained on, also where the template can't ask about nothing", async () => {
  const messages = [
    { role: "assistant", content: "hello" },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ];
  const asks = `${TURNS}{% if add_generation_prompt %}<assistant>{% endif %}`;
  const row = JSON.stringify({ messages });
  assert.deepEqual((await rendered(chatTemplate(asks), row)).trained, ["hello", "b"]);
  const first = `{% if messages[0].role == "" %}{% endif %}${asks}`;
  assert.deepEqual((await rendered(chatTemplate(first), row)).trained, ["hello", "b"]);
});

test("strftime_now is the day's date", async () => {
  const row = JSON.stringify({ messages: [{ role: "assistant", content: "x" }] });
  const before = new Date();
  const { text } = await rendered(chatTemplate(`{{ strftime_now("%Y-%m-%d %d %b") }}`), row);
  const dayOf = (date: Date): string => {
    const two = (value: number): string => String(value).padStart(2, "0");
    const month = date.toLocaleString("en-US", { month: "short" });
    const day = two(date.getDate());
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${day} ${day} ${month}`;
  };
  // At midnight it may be either.
  assert.ok([dayOf(before), dayOf(new Date())].includes(text), text);
});

test("of the templates that the config lists, tools choose tool_use", async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), "retune-"));
  t.after(() => rm(dir, { recursive: true }));
  const list = [
    { name: "default", template: "plain" },
    { name: "tool_use", template: "{{ tools | length }} tools" },
    { name: "rag", template: "rag" },
  ];
  await writeFile(path.join(dir, "tokenizer_config.json"), JSON.stringify({ chat_template: list }));
  const sources = await chatTemplatesOf(dir);
  assert.ok(sources);
  const template = new ChatTemplate(sources, {}, threads);
  const messages = [{ role: "user", content: "x" }];
  const textOf = async (row: object): Promise<string> =>
    (await rendered(template, JSON.stringify(row))).text;
  assert.equal(await textOf({ messages }), "plain");
  assert.equal(await textOf({ messages, tools: [{ name: "f" }, { name: "g" }] }), "2 tools");
  // transformers chooses by whether there is a list, not by how long it is.
  assert.equal(await textOf({ messages, tools: [] }), "0 tools");
});

test("numbers in ShareGPT's function_call keep their digits", async () => {
  const call = String.raw`{\"name\": \"f\", \"arguments\": {\"a\": 9007199254740993, \"b\": 5.0, \"c\": 1e20}}`;
  const row = `{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "${call}"}]}`;
  const source = "{% for m in messages %}{{ m.tool_calls | tojson if m.tool_calls }}{% endfor %}";
  assert.equal(
    (await rendered(chatTemplate(source), row)).text,
    `[{"type": "function", "function": {"name": "f", "arguments": {"a": 9007199254740993, "b": 5.0, "c": 1e+20}}}]`,
  );
});

test("Alpaca's history needs a chat template, and the message says so", async () => {
  const row = { instruction: "c", output: "d", history: [["a", "b"]] };
  await assert.rejects(
    rendered(undefined, JSON.stringify(row)),
    /^InputError: rows\.jsonl:1: this base model has no chat template, so "history" rows can't be rendered/u,
  );
  const { text } = await rendered(undefined, JSON.stringify({ ...row, history: [] }));
  assert.match(text, /### Instruction:\nc\n\n### Response:\nd$/u);
});

test("closing one template does not end what another one renders", async (t) => {
  const shared = new TemplateThreads({ limitMs: 60_000 });
  t.after(() => shared.close());
  const [mine, other] = [chatTemplate(TURNS, shared), chatTemplate(`${TURNS}!`, shared)];
  const row = chatRow(JSON.stringify({ messages: [{ role: "user", content: "x" }] }));
  const rows = Array.from({ length: 300 }, () => row);
  const going = other.renderRows(rows);
  const ended = mine.renderRows(rows);
  ended.catch(() => {});
  await mine.close();
  await assert.rejects(ended, /rendering was stopped/u);
  assert.equal((await going).length, 300);
  for (const result of await going) {
    assert.deepEqual(result, { text: "<user>x!", spans: [], unplaced: 0 });
  }
});
