/** From a file to examples: formats, masks, lengths and what is reported of them. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeReport } from "../../src/data/dataset-report.ts";
import { type DatasetOptions, loadDataset } from "../../src/data/dataset.ts";
import type { Example } from "../../src/data/example.ts";
import { type Tokenizer, loadTokenizer } from "../../src/data/tokenizer.ts";
import { InputError } from "../../src/util/errors.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

interface Bench {
  tokenizer: Tokenizer;
  load: (
    rows: readonly (object | string)[],
    options?: Partial<DatasetOptions>,
  ) => ReturnType<typeof loadDataset>;
  file: string;
}

async function bench(t: TestContext): Promise<Bench> {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-data-"));
  t.after(() => rmSync(dir, { recursive: true }));
  writeTinyLlama(dir);
  const tokenizer = await loadTokenizer(dir);
  const file = path.join(dir, "rows.jsonl");
  const defaults: DatasetOptions = {
    tokenizer,
    format: "auto",
    lossOn: "auto",
    maxLength: 200,
    vocabSize: Infinity,
    overlong: "truncate",
  };
  return {
    tokenizer,
    file,
    load: (rows, options) => {
      const lines = rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row)));
      writeFileSync(file, lines.join("\n"));
      return loadDataset(file, { ...defaults, ...options });
    },
  };
}

/** The text of the tokens that count, special tokens included. */
function countedText({ ids, weights }: Example, tokenizer: Tokenizer): string {
  return tokenizer.decode([...ids].filter((_, index) => weights[index] === 1));
}

test("each format counts what the model is to learn, and its end", async (t) => {
  const { load, tokenizer } = await bench(t);
  const { examples, report } = await load([
    {
      messages: [
        { role: "user", content: "two?" },
        { role: "assistant", content: "2" },
        { role: "user", content: "three?" },
        { role: "assistant", content: "3" },
      ],
    },
    { prompt: "Say é: ", completion: "é!" },
    { text: "plain" },
    { instruction: "Add", input: "1 1", output: "2" },
    {
      prompt: [{ role: "user", content: "hi" }],
      completion: [{ role: "assistant", content: "ho" }],
    },
  ]);
  assert.deepEqual(
    [...examples].map((example) => countedText(example, tokenizer)),
    [
      "2<|im_end|>\n3<|im_end|>\n",
      "é!<|im_end|>",
      // The first token has nothing before it.
      "lain<|im_end|>",
      "2<|im_end|>\n",
      "ho<|im_end|>\n",
    ],
  );
  assert.deepEqual(report.formats, { messages: 1, "prompt-completion": 2, text: 1, alpaca: 1 });
});

test("answers between SentencePiece's special tokens are trained whole, and nothing else", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-data-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const golden = fileURLToPath(new URL("../golden/data/offsets/llama2.json", import.meta.url));
  copyFileSync(golden, path.join(dir, "tokenizer.json"));
  // TinyLlama's.
  const template =
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";
  writeFileSync(path.join(dir, "chat_template.jinja"), template);
  writeFileSync(path.join(dir, "special_tokens_map.json"), '{"eos_token": {"content": "</s>"}}');
  const tokenizer = await loadTokenizer(dir);
  const answers = ["Brest", "Paris is the capital", "Brest"];
  const messages = answers.flatMap((content) => [
    { role: "user", content: "Where?" },
    { role: "assistant", content },
  ]);
  const file = path.join(dir, "rows.jsonl");
  writeFileSync(file, JSON.stringify({ messages }));
  const { examples } = await loadDataset(file, {
    tokenizer,
    vocabSize: Infinity,
    format: "auto",
    lossOn: "auto",
    maxLength: 500,
    overlong: "error",
  });
  const { ids, weights } = examples.at(0)!;
  const learnt: string[] = [];
  ids.forEach((id, at) => {
    if (weights[at] !== 1) return;
    if (weights[at - 1] !== 1) learnt.push("");
    learnt.push(learnt.pop() + tokenizer.decode([id]).replace(/^$/u, " "));
  });
  assert.deepEqual(
    learnt.map((text) => text.replaceAll(/\s/gu, "")),
    ["Brest</s>", "Parisisthecapital</s>", "Brest</s>"],
  );
});

test("lossOn all counts every token but the first", async (t) => {
  const { load } = await bench(t);
  const { examples } = await load([{ prompt: "ab", completion: "cd" }], { lossOn: "all" });
  assert.deepEqual([...examples.at(0)!.weights], [0, 1, 1, 1, 1]);
});

test("rows in which no token counts are left out and named; so are cut and dropped ones", async (t) => {
  const { load, file } = await bench(t);
  const rows = [
    { prompt: "a", completion: "b" },
    { messages: [{ role: "user", content: "alone" }] },
    "",
    { prompt: "long ".repeat(10), completion: "never reached" },
    { prompt: "a", completion: "much too long" },
  ];
  const cut = await load(rows, { maxLength: 10 });
  assert.deepEqual(
    [...cut.examples].map(({ line }) => line),
    [1, 5],
  );
  assert.deepEqual(cut.report.withoutCounted, [2, 4]);
  assert.deepEqual(cut.report.truncated, [2, 4, 5]);
  assert.equal(cut.report.countedTokens, 2 + 9);
  assert.deepEqual(describeReport(file, cut.report), [
    `${file}: 4 rows (3 prompt-completion, 1 messages), 13 tokens, 11 count (84.6 %)`,
    "  3 rows cut to data.maxLength: lines 2, 4, 5",
    "  2 rows left out because no token counts: lines 2, 4",
  ]);
  const dropped = await load(rows, { maxLength: 10, overlong: "drop" });
  assert.deepEqual(dropped.report.dropped, [2, 4, 5]);
  await assert.rejects(
    load(rows, { maxLength: 10, overlong: "error" }),
    /rows\.jsonl:2: .* tokens/,
  );
});

test("a byte order mark, Windows line ends and blank lines do no harm", async (t) => {
  const { load } = await bench(t);
  const { report } = await load(['\uFEFF{"text": "a b"}\r', "\r", '{"text": "c d"}\r']);
  assert.equal(report.rows, 2);
});

const refused: [string, readonly (object | string)[], RegExp][] = [
  ["a JSON array", ['[{"text": "a"}]'], /:1: expected a JSON object, found an array/],
  ["a JSON array over lines", ["[", '{"text": "a"}'], /:1:\d+: not valid JSON.*one row per line/],
  ["a number", [{ text: "a" }, "5"], /:2: expected a JSON object, found a number/],
  ["no messages", [{ messages: [] }], /:1: "messages" must be a list/],
  [
    "a role that is no text",
    [{ messages: [{ role: 1, content: "a" }] }],
    /:1: "messages\[0\]\.role"/,
  ],
  ["text that is no text", [{ text: 5 }], /:1: "text" must be text, found 5/],
  [
    "only rows that are too long",
    [{ text: "abcdef" }],
    /all 1 rows are longer than data\.maxLength 3/,
  ],
];

for (const [name, rows, says] of refused) {
  test(`refuses ${name}, naming the line`, async (t) => {
    const { load } = await bench(t);
    const options: Partial<DatasetOptions> = name.startsWith("only")
      ? { maxLength: 3, overlong: "drop" }
      : {};
    await assert.rejects(load(rows, options), (error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, says);
      return true;
    });
  });
}
