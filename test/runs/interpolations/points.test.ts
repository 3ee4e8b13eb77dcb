import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readPoints } from "../../../src/runs/interpolations/points.ts";
import { tempDir } from "../../support/temp-dir.ts";

const line = (alpha: number, loss: number): string =>
  `${JSON.stringify({ alpha, results: { mails: { loss } } })}\n`;

test("points come in the order of alpha, of two alike the later one, and only whole lines", async (t) => {
  const dir = tempDir(t);
  assert.deepEqual(await readPoints(dir), []);
  const file = path.join(dir, "points.jsonl");
  writeFileSync(file, line(1, 3) + line(0, 2) + line(0.5, 9) + line(0.5, 1));
  const told = async () =>
    (await readPoints(dir)).map(({ alpha, results }) => [alpha, results["mails"]?.loss]);
  const whole = [
    [0, 2],
    [0.5, 1],
    [1, 3],
  ];
  assert.deepEqual(await told(), whole);
  // As a crash leaves it, and as a process under way has it.
  appendFileSync(
    file,
    `{"alpha":0.1,"res\n{"alpha":2,"results":{}}\n[]\n${line(0.2, 5).trimEnd()}`,
  );
  assert.deepEqual(await told(), whole);
  appendFileSync(file, "\n");
  assert.deepEqual((await told())[1], [0.2, 5]);
});

test("a figure that is not known here stays with its point", async (t) => {
  const dir = tempDir(t);
  const results = { mails: { loss: 1, bleu: 0.3 } };
  writeFileSync(path.join(dir, "points.jsonl"), `${JSON.stringify({ alpha: 0, results })}\n`);
  assert.deepEqual(await readPoints(dir), [{ alpha: 0, results }]);
});

test("points that can't be read are an error, not none", async (t) => {
  const dir = tempDir(t);
  mkdirSync(path.join(dir, "points.jsonl"));
  await assert.rejects(readPoints(dir), /EISDIR/);
});
