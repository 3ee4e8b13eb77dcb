/** Templates that a library of JavaScript renders as Jinja does; all of them: test/oracle/proven-templates.ts. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { assignedFields } from "../../../.ci/assigned-fields.mjs";
import { answerSpans } from "../../../src/data/templates/answer-spans.ts";
import { answersOf, messagesOf } from "../../../src/data/templates/answers.ts";
import { ChatTemplate } from "../../../src/data/templates/chat-template.ts";
import { QuickTemplate, isQuick } from "../../../src/data/templates/quick-template.ts";
import { TemplateThreads } from "../../../src/data/templates/template-threads.ts";
import { chatCorpus } from "../../support/chat-corpus.ts";
import { chatRow } from "../../support/chat-row.ts";

const file = new URL("../../../samples/models/retune-tiny/chat_template.jinja", import.meta.url);
const SAMPLE = await readFile(file, "utf8");
/** The same, but no hash of it is listed. */
const BY_JINJA = `{#- -#}${SAMPLE}`;

const threads = new TemplateThreads({ limitMs: 60_000 });
after(() => threads.close());

/** Where Python would be started. */
class NoThreads extends TemplateThreads {
  override render(): never {
    throw new Error("Python was asked");
  }
}

function chatTemplate(source: string, own = threads): ChatTemplate {
  return new ChatTemplate({ file: "chat_template.jinja", byName: { default: source } }, {}, own);
}

const USER = { role: "user", content: "a" };
const ANSWER = { role: "assistant", content: "b" };

suite("a proven template", () => {
  test("gives texts and trained parts as Jinja does, without Python", async () => {
    const rows = chatCorpus(SAMPLE, 500).map(({ messages }, index) => {
      const row =
        index % 3 > 0 || messages.length < 2
          ? { messages }
          : { prompt: messages.slice(0, 1), completion: messages.slice(1) };
      return chatRow(JSON.stringify(row));
    });
    const quick = await chatTemplate(SAMPLE, new NoThreads()).renderRows(rows);
    assert.deepEqual(quick, await chatTemplate(BY_JINJA).renderRows(rows));
    const asked = await chatTemplate(SAMPLE, new NoThreads()).renderPrompt([USER]);
    assert.equal(asked, "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n");
  });

  test("renders ShareGPT's turns and weighed answers", async () => {
    const row = {
      system: "s",
      conversations: [
        { from: "human", value: "a" },
        { from: "gpt", value: "b", weight: 0 },
        { from: "human", value: "c" },
        { from: "gpt", value: "d" },
      ],
    };
    const rows = [chatRow(JSON.stringify(row))];
    const [found] = await chatTemplate(SAMPLE, new NoThreads()).renderRows(rows);
    assert.ok(found && "spans" in found);
    const trained = found.spans.map(([start, end]) => found.text.slice(start, end));
    assert.deepEqual(trained, ["d<|im_end|>"]);
    assert.deepEqual([found], await chatTemplate(BY_JINJA).renderRows(rows));
  });

  test("leaves to Jinja what was not tried", () => {
    const template = new QuickTemplate(SAMPLE, {});
    const sources = { file: "chat_template.jinja", byName: { default: SAMPLE } };
    const rows: Record<string, Record<string, unknown>> = {
      tools: { messages: [USER], tools: [] },
      variables: { messages: [USER], chat_template_kwargs: { enable_thinking: true } },
      "a tool call": { messages: [USER, { ...ANSWER, tool_calls: [] }] },
      "a number": { messages: [{ role: "user", content: 5 }] },
      nothing: { messages: [{ role: "assistant", content: null }] },
      null: { messages: [{ ...USER, weight: null }] },
      reasoning: { messages: [USER, { ...ANSWER, reasoning_content: "c" }] },
      "white space of Python's own": { messages: [{ role: "user", content: "a\u0085" }] },
      "white space of JavaScript's own": { messages: [{ role: "user", content: "\uFEFFa" }] },
      "half a character": { messages: [{ role: "user", content: "\uD83D" }] },
      "a border": { messages: [{ role: "user", content: "\uFDD0" }] },
      "no message": { messages: [] },
      "many messages": { messages: Array.from({ length: 65 }, () => USER) },
    };
    for (const [what, row] of Object.entries(rows)) {
      assert.equal(template.render(row, answersOf(messagesOf(row))), undefined, what);
      assert.equal(isQuick(sources, row), false, what);
    }
    assert.ok(isQuick(sources, { messages: [USER, ANSWER] }));
  });

  test("is known by its hash alone, and special tokens may be odd", () => {
    assert.ok(QuickTemplate.of({ default: SAMPLE }, { bos_token: "<s>" }));
    assert.equal(QuickTemplate.of({ default: `${SAMPLE} ` }, {}), undefined);
    assert.equal(QuickTemplate.of({ tool_use: SAMPLE }, {}), undefined);
    assert.equal(QuickTemplate.of({ default: SAMPLE }, { bos_token: "\uFEFF" }), undefined);
  });

  test("that refuses a row lets Jinja say why", () => {
    const template = new QuickTemplate("{{ raise_exception('no system role') }}", {});
    assert.equal(template.render({ messages: [USER] }, null), undefined);
  });
});

test("generation tags keep their white space, whichever way it is trimmed", async () => {
  for (const open of [
    "{% generation %}",
    "{%- generation -%}",
    "{%- generation %}",
    "  {% generation -%}",
  ]) {
    for (const close of ["{% endgeneration %}", "{%- endgeneration -%}", "{%endgeneration-%}"]) {
      const source = `x \n${open}\n {{ messages[0].content }} \n${close}\n y`;
      const row = { messages: [ANSWER] };
      const answers = answersOf(messagesOf(row));
      const rendered = new QuickTemplate(source, {}).render(row, answers);
      assert.ok(rendered);
      const { text } = rendered;
      const found = { text, ...answerSpans(rendered, answers, row.messages) };
      const [expected] = await chatTemplate(source).renderRows([chatRow(JSON.stringify(row))]);
      assert.deepEqual(found, expected, source);
    }
  }
});

test("as it is bundled, with fields that are assigned, it prints the same", async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), "retune-"));
  t.after(() => rm(dir, { recursive: true }));
  const outfile = path.join(dir, "quick-template.mjs");
  const source = new URL("../../../src/data/templates/quick-template.ts", import.meta.url);
  await build({
    entryPoints: [fileURLToPath(source)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    plugins: [assignedFields],
  });
  assert.doesNotMatch(await readFile(outfile, "utf8"), /^ {2}type = "StringValue";/mu);
  const bundled = (await import(pathToFileURL(outfile).href)) as {
    QuickTemplate: typeof QuickTemplate;
  };
  const golden = new URL("../../golden/data/llama3.jinja", import.meta.url);
  for (const template of [SAMPLE, await readFile(golden, "utf8")]) {
    for (const { messages, variables } of chatCorpus(template, 300)) {
      const answers = answersOf(messagesOf({ messages }));
      assert.deepEqual(
        new bundled.QuickTemplate(template, variables).render({ messages }, answers),
        new QuickTemplate(template, variables).render({ messages }, answers),
      );
    }
  }
});
