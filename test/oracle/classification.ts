/**
 * Classifiers as Retune writes them, adapters also merged into their base, loaded and evaluated by
 * transformers and PEFT.
 *
 *   npx tsx test/oracle/classification.ts PYTHON        (torch, transformers 5.23, peft 0.21)
 *
 * PEFT 0.21 computes no prefixes with transformers 5.24. Interventions: pyreft-load.ts.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { asClassifier, openBaseModel } from "../../src/models/base-model.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import {
  CLASSIFICATION_CASES,
  REFT_CASES,
  classifierOf,
  setClassificationGolden,
} from "../support/classification-cases.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { writeWideBase } from "../support/wide-base.ts";

const [python = "python3"] = process.argv.slice(2);
// transformers pools the last token and knows no other.
const cases = Object.entries(CLASSIFICATION_CASES).filter(
  ([name, { pooling }]) => pooling === "last" && !REFT_CASES.includes(name),
);
const dir = mkdtempSync(path.join(tmpdir(), "retune-oracle-"));
try {
  const merged: string[] = [];
  for (const [name, each] of cases) {
    const baseDir = goldenModel(each.variant);
    const base = asClassifier(await openBaseModel(baseDir), classifierOf(each));
    const { method } = each;
    const options = { base, method, seed: 1, maxLength: 32, threads: 1 };
    const engine = await openTrainingEngine(options);
    await setClassificationGolden(engine, name);
    await engine.saveResult(path.join(dir, name), engine.parameters, { baseModel: baseDir });
    await engine.dispose();
    if (method.type === "full") continue;
    const wide = await writeWideBase(each.variant, path.join(dir, "wide"));
    const outDir = path.join(dir, `${name}-merged`);
    await mergeAdapters({ baseDir: wide, adapterDirs: [path.join(dir, name)], outDir });
    merged.push(`${name}-merged=${each.variant}=${each.problem}`);
  }
  const script = path.join(import.meta.dirname, "classification.py");
  const named = cases.map(([name, { variant, problem }]) => `${name}=${variant}=${problem}`);
  const { status } = spawnSync(python, [script, dir, ...named, ...merged], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(dir, { recursive: true });
}
