/** Texts and trained spans against transformers' and TRL's (goldens by make_chat_spans.py). */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadDataset } from "../../../src/data/dataset.ts";
import { describeReport } from "../../../src/data/dataset-report.ts";
import { ChatTemplate } from "../../../src/data/templates/chat-template.ts";
import { renderRows } from "../../../src/data/templates/row-text.ts";
import { TemplateThreads } from "../../../src/data/templates/template-threads.ts";
import { loadTokenizer } from "../../../src/data/tokenizer.ts";
import { InputError } from "../../../src/util/errors.ts";
import { chatRow } from "../../support/chat-row.ts";

interface Case {
  name: string;
  template: string;
  row: string;
  text: string;
  spans: [number, number][];
  unplaced: number;
}

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../golden/data/${name}`, import.meta.url));
const cases = JSON.parse(await readFile(golden("chat-spans.json"), "utf8")) as Case[];

const threads = new TemplateThreads({ limitMs: 60_000 });
after(() => threads.close());

function chatTemplate(source: string): ChatTemplate {
  const byName = { default: source };
  return new ChatTemplate(
    { file: "m/chat_template.jinja", byName },
    { eos_token: "</s>" },
    threads,
  );
}

async function refusal(source: string, own = threads): Promise<string> {
  const sources = { file: "m/chat_template.jinja", byName: { default: source } };
  const row = JSON.stringify({ messages: [{ role: "user", content: "x" }] });
  const [result] = await new ChatTemplate(sources, {}, own).renderRows([chatRow(row)]);
  assert.ok(result instanceof InputError, JSON.stringify(result));
  return result.message;
}

test("a row is rendered and masked as transformers and TRL do", { timeout: 120_000 }, async (t) => {
  for (const { name, template, row, text, spans, unplaced } of cases) {
    await t.test(name, async () => {
      const [result] = await chatTemplate(template).renderRows([chatRow(row)]);
      assert.deepEqual(result, { text, spans, unplaced });
    });
  }
});

test("a template that asks for too much ends with one message that names its file", async (t) => {
  const hostile = {
    "{% for i in range(10**9) %}{% endfor %}": /Range too big.*\(m\/chat_template\.jinja\)$/u,
    "{% set n = namespace(x='ab') %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}":
      /more memory than it may have \(m\//u,
    "{{ 'a' * 10**10 }}": /OverflowError|memory/u,
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": /RecursionError/u,
    "{{ ''.__class__.__mro__ }}": /not safe/u,
    "{{ messages.append(1) }}": /not safe/u,
    "{{ raise_exception('no system role') }}": /refuses: no system role/u,
    "{{ 1 + }}": /does not parse: .*line 1/u,
  };
  for (const [source, message] of Object.entries(hostile)) {
    await t.test(source, async () => assert.match(await refusal(source), message));
  }
});

test("a template without an end is ended, and the next one renders", async () => {
  const loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
  const own = new TemplateThreads({ limitMs: 1000 });
  assert.match(await refusal(loop, own), /was not done after 1 s \(m\/chat_template\.jinja\)/u);
  const rows = Array.from({ length: 6400 }, () => chatRow(`{"messages": []}`));
  const sources = { file: "m/chat_template.jinja", byName: { default: loop } };
  const asked = Date.now();
  const results = await new ChatTemplate(sources, {}, own).renderRows(rows);
  assert.ok(results.every((each) => each instanceof InputError && /not done/u.test(each.message)));
  // Not a second, and a start of Python, for each of a hundred batches.
  assert.ok(Date.now() - asked < 60_000, `${Date.now() - asked} ms`);
  await own.close();
  assert.match(await refusal("{{ raise_exception('next') }}"), /refuses: next/u);
});

const row = (value: object, line = 1) => {
  return { line, value: value as Record<string, unknown>, json: JSON.stringify(value) };
};

test("Alpaca's history is turns, and its answers are trained", async () => {
  const value = { instruction: "c", output: "d", history: [["a", "b"]] };
  const template = chatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
  const source = { file: "rows.jsonl", format: "auto", chatTemplate: template } as const;
  const [text] = await renderRows([row(value)], source);
  assert.ok(text && !(text instanceof Error));
  assert.equal(text.text, "<user>a<assistant>b<user>c<assistant>d");
  assert.deepEqual(
    text.spans.map(([start, end]) => text.text.slice(start, end)),
    ["<assistant>b", "<assistant>d"],
  );
});

const modelDir = async (t: { after: (done: () => Promise<void>) => void }): Promise<string> => {
  const dir = await mkdtemp(path.join(tmpdir(), "retune-"));
  t.after(() => rm(dir, { recursive: true }));
  await cp(golden("tokenizer"), dir, { recursive: true });
  return dir;
};

test("a template's Windows line ends are Python's, and tools choose their own template", async (t) => {
  const dir = await modelDir(t);
  await writeFile(path.join(dir, "chat_template.jinja"), "a\r\n{{ messages[0].content }}\r\nb");
  await mkdir(path.join(dir, "additional_chat_templates"));
  const toolUse = path.join(dir, "additional_chat_templates/tool_use.jinja");
  await writeFile(toolUse, "{{ tools | length }} tools");
  const { chatTemplate: template } = await loadTokenizer(dir);
  const messages = [{ role: "user", content: "x" }];
  assert.equal(await template?.renderPrompt(messages), "a\nx\nb");
  assert.equal(await template?.renderPrompt(messages, [{ name: "f" }]), "1 tools");
  await template?.close();
});

test("rows with an answer that can't be placed are told by line; a file of such rows is refused", async (t) => {
  const dir = await modelDir(t);
  const thinking = cases.find(({ unplaced }) => unplaced === 1)!;
  await writeFile(path.join(dir, "chat_template.jinja"), thinking.template);
  const file = path.join(dir, "rows.jsonl");
  const tokenizer = await loadTokenizer(dir);
  const options = {
    tokenizer,
    vocabSize: 10 ** 6,
    format: "auto",
    lossOn: "auto",
    maxLength: 512,
    overlong: "error",
  } as const;
  const plain = JSON.stringify({ messages: [{ role: "assistant", content: "only" }] });
  await writeFile(file, `${plain}\n${thinking.row}\n`);
  const { examples, report } = await loadDataset(file, options);
  assert.equal(examples.length, 2);
  assert.deepEqual(report.unplaced, [2]);
  assert.match(
    describeReport(file, report).join("\n"),
    /1 rows with answers that are not trained.*: lines 2/u,
  );
  const messages = JSON.parse(thinking.row).messages.slice(0, 3);
  await writeFile(file, JSON.stringify({ messages }));
  await assert.rejects(
    loadDataset(file, options),
    /rows\.jsonl: the chat template renders the answers of all 1 rows/u,
  );
  assert.ok((await loadDataset(file, { ...options, lossOn: "all" })).report.countedTokens > 0);
});
