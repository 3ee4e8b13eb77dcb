import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Format } from "../../../src/data/formats.ts";
import type { DataRow } from "../../../src/data/rows/row.ts";
import { type RowText, renderRows } from "../../../src/data/templates/row-text.ts";
import { InputError } from "../../../src/util/errors.ts";

function rowsOf(...values: readonly Record<string, unknown>[]): DataRow[] {
  return values.map((value, i) => ({ line: i + 1, value, json: JSON.stringify(value) }));
}

/** As of a model without a chat template: no Python is started. */
function render(rows: readonly DataRow[], format: Format | "auto" = "auto") {
  return renderRows(rows, { file: "rows.jsonl", format, chatTemplate: undefined });
}

async function textOf(value: Record<string, unknown>): Promise<RowText> {
  const [found] = await render(rowsOf(value));
  assert(found && !(found instanceof InputError), String(found));
  return found;
}

const trained = ({ text, spans }: RowText): string[] =>
  spans.map(([start, end]) => text.slice(start, end));

suite("the text of a row for a model without a chat template", () => {
  test("of prompt and completion is both, of which the completion is trained", async () => {
    const found = await textOf({ prompt: "1 + 1 = 😀", completion: " 2é" });
    assert.deepEqual(found, {
      format: "prompt-completion",
      text: "1 + 1 = 😀 2é",
      // 😀 is two UTF-16 units.
      spans: [[10, 13]],
      unplacedTurns: 0,
      addSpecialTokens: true,
      addEos: true,
    });
  });

  test("of text is trained whole", async () => {
    const found = await textOf({ text: "Once upon" });
    assert.deepEqual([found.text, trained(found)], ["Once upon", ["Once upon"]]);
  });

  // The two prompts of tatsu-lab/stanford_alpaca, train.py, PROMPT_DICT.
  const WITHOUT_INPUT =
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Response:\n";
  const WITH_INPUT =
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 and 1\n\n### Response:\n";

  test("of Alpaca's is Stanford's prompt, with an input or without", async () => {
    for (const [input, prompt] of [
      [{}, WITHOUT_INPUT],
      [{ input: "" }, WITHOUT_INPUT],
      [{ input: null }, WITHOUT_INPUT],
      [{ input: "1 and 1" }, WITH_INPUT],
    ] as const) {
      const found = await textOf({ instruction: "Add.", output: "2", ...input });
      assert.deepEqual([found.text, trained(found)], [`${prompt}2`, ["2"]]);
    }
    const led = await textOf({ instruction: "Add.", output: "2", system: "Be brief." });
    assert.deepEqual([led.text, trained(led)], [`Be brief.\n\n${WITHOUT_INPUT}2`, ["2"]]);
  });

  test("of an empty completion trains nothing but its end", async () => {
    const found = await textOf({ prompt: "Hi", completion: "" });
    assert.deepEqual([trained(found), found.addEos], [[""], true]);
  });
});

suite("many rows at once", () => {
  test("come back in their order, with an error in the place of each that can't be used", async () => {
    const chat = [{ role: "user", content: "Hi" }];
    const found = await render(
      rowsOf(
        { text: "a" },
        { messages: chat },
        { prompt: "b", completion: "c" },
        { other: 1 },
        { conversations: [{ from: "human", value: "Hi" }] },
        { instruction: "d", output: "e", history: [["f", "g"]] },
        { text: 5 },
      ),
    );
    const shown = found.map((each) => (each instanceof InputError ? each.message : each.text));
    assert.equal(shown.length, 7);
    assert.equal(shown[0], "a");
    assert.match(
      shown[1] ?? "",
      /^rows\.jsonl:2: this base model has no chat template, so "messages" rows can't be rendered; use .* or add chat_template\.jinja/,
    );
    assert.equal(shown[2], "bc");
    assert.match(shown[3] ?? "", /^rows\.jsonl:4: no format fits the keys other;/);
    assert.match(shown[4] ?? "", /^rows\.jsonl:5: .* has no chat template/);
    assert.match(shown[5] ?? "", /^rows\.jsonl:6: .* no chat template, so "history" rows/);
    assert.match(shown[6] ?? "", /^rows\.jsonl:7: "text" must be text, found 5$/);
  });

  test("are read by the format that is asked for, whatever their keys say", async () => {
    const [found, missing] = await render(
      rowsOf({ text: "a", prompt: "b", completion: "c" }, { prompt: "b", completion: "c" }),
      "text",
    );
    assert(found && !(found instanceof InputError));
    assert.deepEqual([found.format, found.text], ["text", "a"]);
    assert(missing instanceof InputError);
    assert.equal(missing.message, 'rows.jsonl:2: "text" must be text, found nothing');
  });

  test("may be none", async () => assert.deepEqual(await render([]), []));
});
