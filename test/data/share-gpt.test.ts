import assert from "node:assert/strict";
import { after, test } from "node:test";
import { detectFormat, readConversation } from "../../src/data/formats.ts";
import { ChatTemplate } from "../../src/data/templates/chat-template.ts";
import { templateThreads } from "../../src/data/templates/template-threads.ts";
import { chatRow } from "../support/chat-row.ts";

const read = (value: Record<string, unknown>) => {
  const row = { line: 3, value, json: JSON.stringify(value) };
  return readConversation(row, detectFormat(row, "a.jsonl"), "a.jsonl");
};

/** What the chat template gets. */
async function templated(value: object): Promise<unknown> {
  const byName = { default: "{{ {'messages': messages, 'tools': tools} | tojson }}" };
  const chatTemplate = new ChatTemplate({ file: "chat_template.jinja", byName }, {});
  const [result] = await chatTemplate.renderRows([chatRow(JSON.stringify(value))]);
  assert.ok(result && !(result instanceof Error));
  return JSON.parse(result.text);
}

after(() => templateThreads.close());

test("turns with from and value become messages, system and tools beside them too", async () => {
  const conversations = [
    { from: "human", value: "Weather?" },
    { from: "function_call", value: '{"name": "weather", "arguments": {"city": "Brest"}}' },
    { from: "observation", value: "rain" },
    { from: "gpt", value: "It rains.", weight: 0 },
  ];
  const row = { conversations, system: "Be brief.", tools: "[]" };
  assert.deepEqual(read(row), { kind: "chat" });
  assert.deepEqual(await templated(row), {
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { type: "function", function: { name: "weather", arguments: { city: "Brest" } } },
        ],
      },
      { role: "tool", content: "rain" },
      { role: "assistant", content: "It rains.", weight: 0 },
    ],
    tools: [],
  });
});

test("turns with role and content may stand under the same key", async () => {
  const conversations = [{ role: "user", content: "a" }];
  assert.deepEqual(await templated({ conversations }), { messages: conversations, tools: null });
});

test("a turn that nobody knows is named", () => {
  const turn = (from: unknown, value: unknown) => () => read({ conversations: [{ from, value }] });
  assert.throws(
    turn("alien", "x"),
    /a\.jsonl:3: conversations\[0\]\.from is "alien", expected one of/,
  );
  assert.throws(turn("constructor", "x"), /from is "constructor"/);
  assert.throws(turn("gpt", 3), /a\.jsonl:3: "conversations\[0\]\.value" must be text, found 3/);
  assert.throws(turn("function_call", "{"), /conversations\[0\]\.value:1:2: not valid JSON/);
});
