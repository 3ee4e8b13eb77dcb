import assert from "node:assert/strict";
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { appendMetric, cutMetrics } from "../../src/run-folder/metrics-file.ts";
import { tempDir } from "../support/temp-dir.ts";

test("a cut forgets later steps, torn lines and what is no metric; all else stays to the letter", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "metrics.jsonl");
  await appendMetric(dir, { step: 1, epoch: 0.5, loss: 2, elapsedMs: 10 });
  const foreign = '{ "step": 2, "expertEntropy": 0.25, "epoch": 1, "elapsedMs": 20 }';
  appendFileSync(
    file,
    `${foreign}\n[]\n{"epoch":1}\n{"step":3,"epoch":1,"elapsedMs":30}\n{"step":2,"ep`,
  );
  const [first] = readFileSync(file, "utf8").split("\n");
  await cutMetrics(dir, 2);
  assert.equal(readFileSync(file, "utf8"), `${first}\n${foreign}\n`);
  assert.deepEqual(readdirSync(dir), ["metrics.jsonl"]);
});

test("a run without metrics has an empty file after a cut", async (t) => {
  const dir = tempDir(t);
  await cutMetrics(dir, 10);
  assert.equal(readFileSync(path.join(dir, "metrics.jsonl"), "utf8"), "");
  writeFileSync(path.join(dir, "metrics.jsonl"), '{"step":0,"epoch":0,"elapsedMs":0}\n');
  await cutMetrics(dir, -1);
  assert.equal(readFileSync(path.join(dir, "metrics.jsonl"), "utf8"), "");
});
