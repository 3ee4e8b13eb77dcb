import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  countRows,
  evaluationFileBeside,
  evaluationFilesBeside,
  isEvaluationFile,
  labelProblem,
  maxPositions,
} from "../../../src/ui/recipes/recipe-inputs.ts";
import { Dice } from "../../support/fuzz/dice.ts";
import { tempDir } from "../../support/temp-dir.ts";

function writer(t: TestContext): (name: string, text?: string) => string {
  const dir = tempDir(t);
  return (name, text = "") => {
    const file = path.join(dir, name);
    writeFileSync(file, text);
    return file;
  };
}
const lines = (...rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");

test("a file for evaluation is known by a word of its name, not by a part of one", () => {
  const yes = [
    "eval.jsonl",
    "mails-val.csv",
    "dev.json",
    "Test.parquet",
    "a_validation.jsonl",
    "x.test1.tsv",
  ];
  const no = [
    "train.jsonl",
    "evaluate.jsonl",
    "latest.jsonl",
    "devices.csv",
    "eval",
    "interval.json",
    "/test/rows.jsonl",
  ];
  for (const file of yes) assert.equal(isEvaluationFile(file), true, file);
  for (const file of no) assert.equal(isEvaluationFile(file), false, file);
});

test("of several files beside the training data a test set is the last choice", async (t) => {
  const write = writer(t);
  const train = write("mails-train.jsonl");
  for (const name of ["mails-test.jsonl", "mails-val.jsonl", "mails-dev.jsonl"]) write(name);
  for (const name of ["mails-val.csv", "other-val.jsonl", "mails.jsonl", "mails-valid-2.jsonl"])
    write(name);
  const found = await evaluationFilesBeside(train);
  assert.deepEqual(
    found.map((file) => path.basename(file)),
    ["mails-dev.jsonl", "mails-val.jsonl", "mails-test.jsonl"],
  );
  assert.equal(await evaluationFileBeside(train), found[0]);
});

test("nothing lies beside data that is not named for training, or whose folder is not there", async (t) => {
  const write = writer(t);
  write("eval.jsonl");
  assert.deepEqual(await evaluationFilesBeside(write("rows.jsonl")), []);
  assert.deepEqual(await evaluationFilesBeside(write("training.jsonl")), []);
  assert.deepEqual(await evaluationFilesBeside("/nowhere/at/all/train.jsonl"), []);
});

test("labels that are names or whole numbers are one of many, fractions a value, lists several", async (t) => {
  const write = writer(t);
  const problem = (...rows: readonly object[]) => labelProblem(write("rows.jsonl", lines(...rows)));
  assert.equal(
    await problem({ text: "a", label: "spam" }, { text: "b", label: "ham" }),
    "single-label",
  );
  assert.equal(await problem({ text: "a", label: 0 }, { text: "b", label: 1 }), "single-label");
  assert.equal(await problem({ text: "a", label: 3 }, { text: "b", label: 2.5 }), "regression");
  assert.equal(
    await problem({ text: "a", labels: ["x", "y"] }, { text: "b", labels: [] }),
    "multi-label",
  );
});

test("rows of which one has no label are texts, and so is a file without rows", async (t) => {
  const write = writer(t);
  const problem = (text: string) => labelProblem(write("rows.ndjson", text));
  assert.equal(await problem(lines({ text: "a", label: "x" }, { text: "b" })), undefined);
  assert.equal(await problem(lines({ label: "x" })), undefined, "a label of nothing");
  assert.equal(await problem(lines({ prompt: "a", completion: "b" })), undefined);
  assert.equal(await problem(""), undefined);
  assert.equal(await problem("\n\n"), undefined);
  assert.equal(await problem("not json\n3\nnull\n"), undefined);
});

test("a broken line, which the run will name, does not hide what the others are", async (t) => {
  const file = writer(t)(
    "rows.jsonl",
    `{"text": "a", "label"\n\n${lines({ text: "b", label: "x" })}`,
  );
  assert.equal(await labelProblem(file), "single-label");
});

test("a table's header says it, quoted or not", async (t) => {
  const write = writer(t);
  assert.equal(await labelProblem(write("a.csv", "text,label\nhello,1\n")), "single-label");
  assert.equal(
    await labelProblem(write("b.csv", '"label", "text"\r\n1,hello\r\n')),
    "single-label",
  );
  assert.equal(await labelProblem(write("c.tsv", "id\ttext\tlabel\n1\ta\tb\n")), "single-label");
  assert.equal(
    await labelProblem(write("d.csv", "text\tlabel\na\tb\n")),
    undefined,
    "tabs in a .csv",
  );
  assert.equal(await labelProblem(write("e.csv", "text,labels\na,b\n")), undefined);
  assert.equal(await labelProblem(write("f.csv", "")), undefined);
  assert.equal(await labelProblem(write("g.parquet", "PAR1")), undefined);
});

test("a row that is cut where the look ends is not taken for a broken one", async (t) => {
  // 64 KiB are read: some 60 rows of 1,100 bytes, the last of them in part.
  const row = { text: "x".repeat(1_077), label: 0.5 };
  const file = writer(t)("long.jsonl", lines(...Array.from({ length: 80 }, () => row)));
  assert.equal(await labelProblem(file), "regression");
});

test("rows are as many as were written, whatever ends the last line", async (t) => {
  const write = writer(t);
  for (let seed = 0; seed < 40; seed++) {
    const dice = new Dice(seed);
    const rows = Array.from({ length: 1 + dice.int(60) }, () => "é".repeat(1 + dice.int(30)));
    const end = dice.pick(["", "\n"]);
    const file = write(dice.pick(["a.jsonl", "a.CSV", "a.tsv", "a.ndjson"]), rows.join("\n") + end);
    assert.equal(await countRows(file), rows.length, `seed ${seed}`);
  }
});

test("of a file above 32 MiB the rows of its beginning are carried on to its size", async (t) => {
  // 256 KiB a line, 160 lines: 40 MiB, so that 128 lines are read and stand for 160.
  const line = `${"x".repeat(2 ** 18 - 1)}\n`;
  assert.equal(await countRows(writer(t)("large.jsonl", line.repeat(160))), 160);
});

test("positions are a whole number above 0, or not known", async (t) => {
  const write = writer(t);
  const positions = (value: unknown) =>
    maxPositions(
      path.dirname(write("config.json", JSON.stringify({ max_position_embeddings: value }))),
    );
  assert.equal(await positions(2048), 2048);
  for (const odd of [0, -1, 1.5, "2048", null])
    assert.equal(await positions(odd), undefined, String(odd));
});
