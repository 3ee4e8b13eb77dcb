import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import {
  type LabelledOptions,
  loadLabelledRows,
  readLabels,
  unlabelledExamples,
} from "../../src/data/labelled-rows.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const tokenizer = await loadTokenizer(
  path.join(import.meta.dirname, "../../samples/models/retune-tiny"),
);

function fileOf(t: TestContext, ...rows: readonly object[]): string {
  const file = path.join(tempDir(t), "rows.jsonl");
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return file;
}

function options(changes: Partial<LabelledOptions> = {}): LabelledOptions {
  return {
    tokenizer,
    vocabSize: 2048,
    problem: "single-label",
    labels: ["ham", "spam"],
    maxLength: 64,
    overlong: "error",
    ...changes,
  };
}

suite("the labels of a file", () => {
  test("are sorted as texts, or as numbers where all are", async (t) => {
    const rows = (...labels: unknown[]) =>
      fileOf(t, ...labels.map((label) => ({ text: "x", label })));
    const read = (file: string) => readLabels(file, "single-label");
    assert.deepEqual(await read(rows("spam", "ham", "spam")), ["ham", "spam"]);
    assert.deepEqual(await read(rows("10", "9", "1")), ["1", "9", "10"]);
    assert.deepEqual(await read(rows(10, 9, "9")), ["9", "10"]);
    assert.deepEqual(await read(rows("10", "9", "x")), ["10", "9", "x"]);
    assert.deepEqual(await read(rows(true, false)), ["false", "true"]);
  });

  test("are all that any row has, where it may have several", async (t) => {
    const file = fileOf(t, { labels: ["b", "a"] }, { labels: [] }, { labels: ["c", "c"] });
    assert.deepEqual(await readLabels(file, "multi-label"), ["a", "b", "c"]);
  });

  test("of numbers are the one that transformers names so, and no file is read", async () => {
    assert.deepEqual(await readLabels("/does/not/exist.jsonl", "regression"), ["LABEL_0"]);
  });

  test("must be two, or one where a row may have none", async (t) => {
    const one = fileOf(t, { text: "a", label: "x" }, { text: "b", label: "x" });
    await refuses(
      readLabels(one, "single-label"),
      /rows\.jsonl has 1 different labels; classification needs at least 2$/,
    );
    const several = fileOf(t, { labels: ["x"] });
    assert.deepEqual(await readLabels(several, "multi-label"), ["x"]);
    await refuses(readLabels(fileOf(t, { labels: [] }), "multi-label"), /0 .* at least 1$/);
  });

  test("that are none are named with file and line", async (t) => {
    for (const label of [undefined, null, "", ["a"], { name: "a" }]) {
      const file = fileOf(t, { text: "a", label: "x" }, { text: "b", label });
      await refuses(
        readLabels(file, "single-label"),
        /rows\.jsonl:2: "label" is missing or no name/,
      );
    }
    for (const labels of [undefined, "a", ["a", null], ["a", ""]]) {
      const file = fileOf(t, { text: "b", labels });
      await refuses(
        readLabels(file, "multi-label"),
        /rows\.jsonl:1: "labels" must be a list of label/,
      );
    }
  });
});

suite("labelled rows", () => {
  test("have the tokenizer's tokens, a label by number, and the whole weight on the last", async (t) => {
    const file = fileOf(
      t,
      { text: "Win a prize now!", label: "spam" },
      { text: "Hi", label: "ham" },
    );
    const { examples, report } = await loadLabelledRows(file, options());
    for (const [i, [text, label]] of [
      ["Win a prize now!", 1] as const,
      ["Hi", 0] as const,
    ].entries()) {
      const ids = await tokenizer.encode(text);
      const weights = ids.map((_, at) => (at === ids.length - 1 ? 1 : 0));
      assert.deepEqual(examples[i], {
        ids: Int32Array.from(ids),
        weights: Float32Array.from(weights),
        line: i + 1,
        label,
      });
    }
    assert.deepEqual(report, [`${file}: 2 rows (1 spam, 1 ham)`]);
  });

  test("have all their labels, each once, where there may be several", async (t) => {
    const file = fileOf(t, { text: "a", labels: ["c", "a", "c"] }, { text: "b", labels: [] });
    const problem = "multi-label";
    const { examples } = await loadLabelledRows(
      file,
      options({ problem, labels: ["a", "b", "c"] }),
    );
    assert.deepEqual(
      examples.map(({ label }) => label),
      [[2, 0], []],
    );
  });

  test("have their number, below zero too", async (t) => {
    const file = fileOf(
      t,
      { text: "a", label: 0.5 },
      { text: "b", label: -3 },
      { text: "c", label: 0 },
    );
    const { examples, report } = await loadLabelledRows(
      file,
      options({ problem: "regression", labels: ["LABEL_0"] }),
    );
    assert.deepEqual(
      examples.map(({ label }) => label),
      [0.5, -3, 0],
    );
    assert.deepEqual(report, [`${file}: 3 rows`]);
    const words = fileOf(t, { text: "a", label: "0.5" });
    await refuses(
      loadLabelledRows(words, options({ problem: "regression" })),
      /rows\.jsonl:1: "label" must be a number for regression/,
    );
  });

  test("of more tokens than maxLength are cut, dropped or refused, and told", async (t) => {
    const long = "one two three four five six seven eight";
    const count = (await tokenizer.encode(long)).length;
    const file = fileOf(t, { text: "Hi", label: "ham" }, { text: long, label: "spam" });
    const maxLength = count - 2;
    const cut = await loadLabelledRows(file, options({ maxLength, overlong: "truncate" }));
    const last = cut.examples[1];
    assert.deepEqual([...(last?.ids ?? [])], (await tokenizer.encode(long)).slice(0, maxLength));
    // The row's weight moves to what is its last token now.
    assert.deepEqual(last?.weights, new Float32Array(maxLength).fill(1, maxLength - 1));
    assert.equal(cut.report[1], "  1 rows cut to data.maxLength");

    const dropped = await loadLabelledRows(file, options({ maxLength, overlong: "drop" }));
    assert.deepEqual(
      dropped.examples.map(({ line }) => line),
      [1],
    );
    assert.equal(dropped.report[1], "  1 rows dropped as longer than data.maxLength");

    await refuses(
      loadLabelledRows(file, options({ maxLength })),
      new RegExp(`rows\\.jsonl:2: the row has ${count} tokens, data\\.maxLength is ${maxLength}; `),
    );
    const whole = await loadLabelledRows(file, options({ maxLength: count }));
    assert.equal(whole.examples[1]?.ids.length, count);
    await refuses(
      loadLabelledRows(
        fileOf(t, { text: long, label: "ham" }),
        options({ maxLength: 1, overlong: "drop" }),
      ),
      /has no usable rows: all 1 are longer than data\.maxLength$/,
    );
  });

  test("without text, or with a label that is not trained, are named with what is expected", async (t) => {
    for (const text of [undefined, null, "", 3]) {
      await refuses(
        loadLabelledRows(fileOf(t, { text: "a", label: "ham" }, { text, label: "ham" }), options()),
        /rows\.jsonl:2: "text" is missing or empty; expected a text$/,
      );
    }
    const labels = Array.from({ length: 10 }, (_, i) => `label ${i}`);
    await refuses(
      loadLabelledRows(fileOf(t, { text: "a", label: "x\ny" }), options({ labels })),
      /rows\.jsonl:1: label "x\\ny" is none of those that are trained: label 0, .*label 7 and 2 more; /,
    );
  });

  test("with a token that the model's embeddings lack are named by it", async (t) => {
    const [first = 0] = await tokenizer.encode("Hi");
    await refuses(
      loadLabelledRows(fileOf(t, { text: "Hi", label: "ham" }), options({ vocabSize: first })),
      new RegExp(
        `rows\\.jsonl:1: token ${first} \\("H.*"\\) is outside the model's vocabulary of ${first}`,
      ),
    );
  });
});

suite("texts whose label is asked for", () => {
  test("are rows as in training, cut, in their order", async () => {
    const texts = [
      { text: "Hi", place: "argument 1" },
      { text: "one two three four", place: "argument 2" },
    ];
    const examples = await unlabelledExamples(texts, options({ maxLength: 3 }));
    for (const [i, { text }] of texts.entries()) {
      const ids = (await tokenizer.encode(text)).slice(0, 3);
      assert.deepEqual([...(examples[i]?.ids ?? [])], ids);
      assert.equal(examples[i]?.weights.at(-1), 1);
    }
  });

  test("are refused by their place without a token", async () => {
    await refuses(
      unlabelledExamples([{ text: "", place: "argument 1" }], options()),
      /^argument 1: the text has no token$/,
    );
  });
});
