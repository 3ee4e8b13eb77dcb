/** Exact match is told from one pass; here every row is really generated. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { evaluateFile } from "../../src/evaluation/evaluate-file.ts";
import { loadDataset } from "../../src/data/dataset.ts";
import { loadTokenizer } from "../../src/data/tokenizer.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const jsonl = (rows: readonly object[]): string =>
  rows.map((row) => JSON.stringify(row)).join("\n");

test("the share of exact rows is the share that greedy decoding generates word for word", async (t) => {
  const dir = tinyWorkspace(t);
  const asked = (i: number): string => (i % 4 === 0 ? "Sure?" : "And?");
  const rows = Array.from({ length: 32 }, (_, i) => ({
    prompt: asked(i),
    completion: i % 4 === 0 ? " yes." : " no way.",
  }));
  writeFileSync(path.join(dir, "data.jsonl"), jsonl(rows));
  // A row in five has an answer that was never learnt.
  const file = path.join(dir, "eval.jsonl");
  const tested = rows.map((row, i) => (i % 5 === 0 ? { ...row, completion: " maybe." } : row));
  writeFileSync(file, jsonl(tested));
  const recipe = writeRecipe(dir, {
    method: { type: "full" },
    data: { train: "data.jsonl", maxLength: 32 },
    optimizer: { learningRate: 1e-2 },
    accumulate: 1,
    epochs: 12,
  });
  const run = path.join(dir, "run");
  const trained = await retune("train", recipe, "--run-dir", run);
  assert.equal(trained.code, 0, trained.stderr);

  const baseDir = path.join(run, "model");
  const shared = { lossOn: "auto", device: "cpu", log: () => {} } as const;
  const { figures } = await evaluateFile({ baseDir, dataFile: file, ...shared });

  const tokenizer = await loadTokenizer(baseDir);
  const { examples } = await loadDataset(file, {
    tokenizer,
    format: "auto",
    lossOn: "auto",
    maxLength: 64,
    vocabSize: Infinity,
    overlong: "error",
  });
  const generator = await openTextGenerator({ baseDir });
  t.after(() => generator.dispose());
  let exact = 0;
  for (const { ids, weights } of examples) {
    const start = weights.indexOf(1);
    const reference = [...ids.subarray(start)];
    const maxTokens = reference.length;
    const options = { maxTokens, temperature: 0, seed: 1, stopIds: [] };
    const found = await generator.generate([...ids.subarray(0, start)], options);
    exact += Number(found.join() === reference.join());
  }
  assert.ok(exact > 0 && exact < rows.length, `${exact} of ${rows.length}`);
  assert.equal(figures.exactMatch, exact / rows.length);
  assert.equal(figures.rows, rows.length);
});
