import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { EVALUATIONS_FOLDER, type EvaluationResult } from "../../src/protocol/evaluation.ts";
import {
  readSavedEvaluation,
  saveEvaluation,
  savedEvaluations,
} from "../../src/runs/evaluations.ts";

function workspace(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-evaluations-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const result = (model: string, data: string, loss = 1): EvaluationResult => ({
  model,
  data,
  base: `/models/${model}`,
  file: `/data/${data}.jsonl`,
  loss,
  rows: 3,
});

test("evaluations that end at the same moment are all kept, each whole", async (t) => {
  const dir = workspace(t);
  const losses = Array.from({ length: 20 }, (_, index) => index);
  const saved = await Promise.all(
    losses.map((loss) => saveEvaluation(dir, [result("tiny", "mails", loss)])),
  );
  assert.equal(new Set(saved.map(({ file }) => file)).size, losses.length);
  const read = await savedEvaluations(dir);
  const found = read.map(({ results }) => results[0]?.loss ?? -1);
  assert.deepEqual(
    found.toSorted((a, b) => a - b),
    losses,
  );
  // Nothing else is left there.
  assert.equal(readdirSync(path.join(dir, EVALUATIONS_FOLDER)).length, losses.length);
});

test("they are called by what they are of", async (t) => {
  const dir = workspace(t);
  const nameOf = async (...results: EvaluationResult[]): Promise<string> =>
    (await saveEvaluation(dir, results)).name;
  assert.equal(await nameOf(result("tiny", "mails")), "tiny on mails");
  const [a, b] = [result("tiny", "mails"), result("large", "mails")];
  assert.equal(await nameOf(a, b), "2 models on mails");
  assert.equal(await nameOf(a, b, result("tiny", "letters")), "2 models on 2 files");
});

test("one that is broken or gone is told, and hides no other", async (t) => {
  const dir = workspace(t);
  const { file, name } = await saveEvaluation(dir, [result("tiny", "mails")]);
  const broken = path.join(path.dirname(file), "broken.json");
  writeFileSync(broken, "{");
  assert.deepEqual(
    (await savedEvaluations(dir)).map((each) => each.name),
    [name],
  );
  await assert.rejects(
    readSavedEvaluation(broken),
    /broken\.json: .*not valid JSON.*; run Evaluate… again/,
  );
  rmSync(file);
  await assert.rejects(readSavedEvaluation(file), /the evaluation is missing; run Evaluate… again/);
  assert.deepEqual(await savedEvaluations(path.join(dir, "nowhere")), []);
});
