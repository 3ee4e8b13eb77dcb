/** Models side by side on named data, with the command alone. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  EVALUATION_COLUMNS,
  type EvaluationResult,
  evaluationFiguresSchema,
  evaluationTableSchema,
} from "../../src/protocol/evaluation.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function trained(t: TestContext): Promise<{ dir: string; base: string; adapter: string }> {
  const dir = tinyWorkspace(t);
  const recipe = writeRecipe(dir, { epochs: 1 });
  const run = path.join(dir, "run");
  const { code, stderr } = await retune("train", recipe, "--run-dir", run);
  assert.equal(code, 0, stderr);
  const other = { text: "a wholly different kind, and a comma" };
  writeFileSync(path.join(dir, "other.jsonl"), `${JSON.stringify(other)}\n`);
  return { dir, base: path.join(dir, "model"), adapter: path.join(run, "adapter") };
}

test("base and base + adapter stand side by side, each as it is alone, and as comma-separated values", async (t) => {
  const { dir, base, adapter } = await trained(t);
  const files = { own: path.join(dir, "data.jsonl"), "kind, other": path.join(dir, "other.jsonl") };
  const data = Object.entries(files).flatMap(([name, file]) => ["--data", `${name}=${file}`]);
  const csv = path.join(dir, "table.csv");
  const args = ["eval", base, "--adapter", `tuned=${adapter}`, ...data, "--csv", csv];
  const { code, stdout, stderr } = await retune(...args, "--json");
  assert.equal(code, 0, stderr);
  const { results } = evaluationTableSchema.parse(JSON.parse(stdout));
  assert.deepEqual(
    results.map(({ model, data: name }) => `${model}: ${name}`),
    ["model: own", "model: kind, other", "model + tuned: own", "model + tuned: kind, other"],
  );
  for (const { model, base: of, adapter: with_, file, data: name, ...figures } of results) {
    const alone = await retune(
      "eval",
      of,
      ...(with_ === undefined ? [] : ["--adapter", with_]),
      "--data",
      file,
      "--json",
    );
    assert.equal(alone.code, 0, alone.stderr);
    const expected = evaluationFiguresSchema.parse(JSON.parse(alone.stdout));
    assert.deepEqual(figures, expected, `${model} on ${name}`);
  }
  assert.notEqual(results[0]?.loss, results[2]?.loss);

  const [head, ...lines] = readFileSync(csv, "utf8").trimEnd().split("\r\n");
  assert.equal(head, EVALUATION_COLUMNS.join(","));
  const first = results[1] as EvaluationResult;
  assert.equal(
    lines[1],
    `model,"kind, other",${first.loss},${first.perplexity},${first.accuracy},,${first.exactMatch},1,${first.tokens},${base},,${first.file}`,
  );
  assert.equal(lines.length, results.length);
});

test("a table on the terminal has a part for each data file and a line for each model", async (t) => {
  const { dir, base } = await trained(t);
  const other = path.join(dir, "run/adapter");
  const merged = path.join(dir, "merged");
  const merging = await retune("merge", base, "--adapter", other, "--out", merged, "--no-check");
  assert.equal(merging.code, 0, merging.stderr);
  const data = path.join(dir, "data.jsonl");
  const { code, stdout, stderr } = await retune("eval", base, `better=${merged}`, "--data", data);
  assert.equal(code, 0, stderr);
  const [head = "", ...lines] = stdout.trimEnd().split("\n");
  assert.match(head, /^data\.jsonl +loss +perplexity +accuracy +exact match +rows +tokens$/);
  assert.deepEqual(
    lines.map((line) => line.split(/ +/)[0]),
    ["model", "better"],
  );
});

test("what can't be compared is refused before anything is evaluated", async (t) => {
  const dir = tinyWorkspace(t);
  const [base, data] = [path.join(dir, "model"), path.join(dir, "data.jsonl")];
  const csv = path.join(dir, "none/table.csv");
  const cases: [RegExp, string[]][] = [
    [
      /data file .*missing\.jsonl does not exist/,
      [base, "--data", data, "--data", "missing.jsonl"],
    ],
    [
      /"own" is given twice; tell the two apart by NAME=PATH/,
      [base, "--data", `own=${data}`, "--data", `own=${data}`],
    ],
    [/--adapter goes with one MODEL, found 2/, [base, base, "--adapter", dir, "--data", data]],
    [/there is no folder .*none/, [base, "--data", data, "--csv", csv]],
    [
      /--features-from goes with one model/,
      [base, "--data", `own=${data}`, "--features-from", base],
    ],
  ];
  for (const [says, args] of cases) {
    const { code, stdout, stderr } = await retune("eval", ...args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, says);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  }
  assert.ok(!existsSync(path.dirname(csv)));
});
