import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { FORMATS, type Format, detectFormat, readConversation } from "../../src/data/formats.ts";
import type { DataRow } from "../../src/data/rows/row.ts";
import { InputError } from "../../src/util/errors.ts";

function row(value: Record<string, unknown>): DataRow {
  return { line: 7, value, json: JSON.stringify(value) };
}

const chat = [
  { role: "user", content: "Hi" },
  { role: "assistant", content: "Hello" },
];
const examples: Readonly<Record<Format, Record<string, unknown>>> = {
  messages: { messages: chat },
  "prompt-completion": { prompt: "1 + 1 =", completion: " 2" },
  alpaca: { instruction: "Add.", input: "1 and 1", output: "2" },
  sharegpt: {
    conversations: [
      { from: "human", value: "Hi" },
      { from: "gpt", value: "Hello" },
    ],
  },
  text: { text: "Once upon a time" },
};

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert(error instanceof InputError, String(error));
    assert(!error.message.includes("\n"), "one line");
    return error.message;
  }
  return assert.fail("nothing was refused");
}

suite("a row's format", () => {
  for (const format of FORMATS) {
    test(`is ${format} by its keys, whatever stands beside them`, () => {
      assert.equal(detectFormat(row(examples[format]), "rows.jsonl"), format);
      const more = { id: 3, source: "web", ...examples[format] };
      assert.equal(detectFormat(row(more), "rows.jsonl"), format);
    });
  }

  test("takes all keys of a format: an instruction without output is none", () => {
    const message = refusal(() => detectFormat(row({ instruction: "Add.", input: "" }), "a.csv"));
    assert.match(
      message,
      /^a\.csv:7: no format fits the keys instruction, input; expected one of: /,
    );
    for (const keys of ["messages", "prompt + completion", "instruction + output", "text"]) {
      assert(message.includes(keys), keys);
    }
    assert.match(
      refusal(() => detectFormat(row({}), "a.csv")),
      /the keys none;/,
    );
  });

  test("of rows with several formats' keys is the one that says most", () => {
    const both = { ...examples.text, ...examples.messages };
    assert.equal(detectFormat(row(both), "a"), "messages");
    assert.equal(
      detectFormat(row({ text: "x", prompt: "a", completion: "b" }), "a"),
      "prompt-completion",
    );
    assert.equal(detectFormat(row({ ...examples.text, ...examples.alpaca }), "a"), "alpaca");
  });
});

suite("what a row says", () => {
  const read = (value: Record<string, unknown>, format: Format) =>
    readConversation(row(value), format, "rows.jsonl");

  test("of chats stays as it stands, for the template", () => {
    assert.deepEqual(read(examples.messages, "messages"), { kind: "chat" });
    assert.deepEqual(read(examples.sharegpt, "sharegpt"), { kind: "chat" });
    const split = { prompt: chat.slice(0, 1), completion: chat.slice(1) };
    assert.deepEqual(read(split, "prompt-completion"), { kind: "chat" });
  });

  test("of texts is their words, to the last space", () => {
    assert.deepEqual(read(examples["prompt-completion"], "prompt-completion"), {
      kind: "completion",
      prompt: "1 + 1 =",
      completion: " 2",
    });
    assert.deepEqual(read({ text: " a\n" }, "text"), { kind: "text", text: " a\n" });
  });

  test("of Alpaca's is the same where what is optional is missing, null or empty", () => {
    const bare = { instruction: "Add.", output: "2" };
    const expected = {
      kind: "instruction",
      system: "",
      prompt: "Add.",
      input: "",
      answer: "2",
      history: [],
    };
    assert.deepEqual(read(bare, "alpaca"), expected);
    assert.deepEqual(
      read({ ...bare, input: null, system: null, history: null }, "alpaca"),
      expected,
    );
    assert.deepEqual(read({ ...bare, input: "", system: "", history: [] }, "alpaca"), expected);
  });

  test("of Alpaca's has earlier turns in order", () => {
    const history = [
      ["Hi", "Hello"],
      ["How?", "So"],
    ];
    const found = read({ ...examples.alpaca, system: "Be brief.", history }, "alpaca");
    assert.deepEqual(found, {
      kind: "instruction",
      system: "Be brief.",
      prompt: "Add.",
      input: "1 and 1",
      answer: "2",
      history,
    });
  });

  const refused: [string, Format, Record<string, unknown>, RegExp][] = [
    [
      "a text that is a number",
      "text",
      { text: 3 },
      /^rows\.jsonl:7: "text" must be text, found 3$/,
    ],
    ["a text that is null", "text", { text: null }, /"text" must be text, found null$/],
    [
      "a completion that is missing",
      "prompt-completion",
      { prompt: "a" },
      /"completion" must be text, found nothing$/,
    ],
    [
      "a prompt of messages with a completion of text",
      "prompt-completion",
      { prompt: chat, completion: "b" },
      /"completion" must be a list of messages/,
    ],
    [
      "an empty conversation",
      "messages",
      { messages: [] },
      /"messages" must be a list .* at least one/,
    ],
    ["a message that is text", "messages", { messages: ["Hi"] }, /messages\[0\] must be an object/],
    [
      "a message without content",
      "messages",
      { messages: [...chat, { role: "user" }] },
      /"messages\[2\]\.content" must be text, found nothing/,
    ],
    [
      "a role that is a number",
      "messages",
      { messages: [{ role: 1, content: "" }] },
      /"messages\[0\]\.role" must be text, found 1/,
    ],
    [
      "an input that is a list",
      "alpaca",
      { instruction: "a", input: [], output: "b" },
      /"input" must be text, found \[\]/,
    ],
    [
      "a history of single texts",
      "alpaca",
      { ...examples.alpaca, history: ["Hi"] },
      /"history" must be a list of pairs of prompt and answer$/,
    ],
    [
      "a history whose turn has three",
      "alpaca",
      { ...examples.alpaca, history: [["a", "b", "c"]] },
      /"history" must be a list of pairs/,
    ],
    [
      "a history that is an object",
      "alpaca",
      { ...examples.alpaca, history: { a: "b" } },
      /"history" must be a list of pairs/,
    ],
  ];
  for (const [what, format, value, message] of refused) {
    test(`is refused for ${what}, with file, line and key`, () => {
      const found = refusal(() => read(value, format));
      assert.match(found, /^rows\.jsonl:7: /);
      assert.match(found, message);
    });
  }

  test("may lack content where an assistant only calls tools", () => {
    const call = { role: "assistant", tool_calls: [{ function: { name: "f", arguments: {} } }] };
    assert.deepEqual(read({ messages: [...chat, call] }, "messages"), { kind: "chat" });
  });
});
