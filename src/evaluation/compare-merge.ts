/** Does a merged model say what base and adapters say? Their logits on a few texts, compared. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Example } from "../data/example.ts";
import { type Tokenizer, loadTokenizer } from "../data/tokenizer.ts";
import { combineAdapters } from "../merge/adapters/combined-adapter.ts";
import { openBaseModel } from "../models/base-model.ts";
import { evaluateExamples } from "../objectives/evaluate-examples.ts";
import { openEvaluationEngine } from "../onnx-engine/onnx-engine.ts";
import { openTextGenerator } from "../onnx-engine/text-generator.ts";
import { InputError } from "../util/errors.ts";
import { type LogitDifference, compareLogits } from "./logit-difference.ts";

/** Any text would do: both read the same. */
const SAMPLES = [
  "The river runs from the mountains to the sea, and on its way it turns the wheels of old mills.",
  "To be, or not to be, that is the question.",
  "def area(width, height):\n    return width * height",
  "1, 1, 2, 3, 5, 8, 13, 21",
];
const MAX_TOKENS = 64;

export interface MergeDifference extends LogitDifference {
  unit: "token" | "text";
  count: number;
}

export interface Merged {
  baseDir: string;
  adapterDirs: readonly string[];
  /** Left out: 1 for each. */
  weights?: readonly number[] | undefined;
  outDir: string;
}

/** @throws InputError for a model that the engine can't run, and for adapters that no single one equals */
export async function compareMerge(merged: Merged): Promise<MergeDifference> {
  const scratch = await mkdtemp(path.join(tmpdir(), "retune-merge-check-"));
  try {
    const adapterDir = await referenceAdapter(merged, path.join(scratch, "combined"));
    const { baseDir, outDir } = merged;
    return await compareModels({ baseDir, adapterDir }, { baseDir: outDir });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The adapter itself where there is one with all its weight, else one that equals them all. */
async function referenceAdapter(
  { baseDir, adapterDirs, weights = adapterDirs.map(() => 1) }: Merged,
  combined: string,
): Promise<string> {
  const [only, ...others] = adapterDirs;
  if (only !== undefined && others.length === 0 && weights[0] === 1) return only;
  await combineAdapters(combined, { baseDir, adapterDirs, weights });
  return combined;
}

interface Model {
  baseDir: string;
  adapterDir?: string;
}

/** @throws InputError for a model that the engine can't run */
async function compareModels(apart: Model, merged: Model): Promise<MergeDifference> {
  const tokenizer = await loadTokenizer(apart.baseDir);
  const { classifier } = await openBaseModel(merged.baseDir);
  const read = classifier ? labelLogits : tokenLogits;
  const expected = await read(apart, tokenizer);
  const found = await read(merged, tokenizer);
  const width = classifier ? classifier.labels.length : expected.width;
  return {
    ...compareLogits(expected.logits, found.logits, width),
    unit: classifier ? "text" : "token",
    count: expected.logits.length / width,
  };
}

interface Logits {
  /** [count, width] */
  logits: Float32Array;
  width: number;
}

/** After each token of each text, [tokens,V]. */
async function tokenLogits(model: Model, tokenizer: Tokenizer): Promise<Logits> {
  const generator = await openTextGenerator(model);
  try {
    const { maxPositions } = (await openBaseModel(model.baseDir)).architecture;
    const parts: Float32Array[] = [];
    let tokens = 0;
    for (const text of SAMPLES) {
      const ids = (await tokenizer.encode(text)).slice(0, Math.min(MAX_TOKENS, maxPositions - 1));
      if (ids.length === 0) continue;
      parts.push(await generator.logits(ids));
      tokens += ids.length;
    }
    if (tokens === 0) throw new InputError("the tokenizer makes no token of any sample text");
    const logits = joined(parts);
    return { logits, width: logits.length / tokens };
  } finally {
    await generator.dispose();
  }
}

/** The logits of each text, [texts, labels]; what its label is does not matter. */
async function labelLogits(model: Model, tokenizer: Tokenizer): Promise<Logits> {
  const engine = await openEvaluationEngine({ ...model, maxLength: MAX_TOKENS });
  try {
    const isMulti = engine.classifier?.problem === "multi-label";
    const texts = await tokenizer.encodeBatch(SAMPLES);
    const examples = texts.map((text, index): Example => {
      const ids = Int32Array.from(text.ids.slice(0, MAX_TOKENS));
      const weights = Float32Array.from(ids, (_, at) => Number(at === ids.length - 1));
      return { ids, weights, line: index + 1, label: isMulti ? [] : 0 };
    });
    const { answers } = await evaluateExamples(engine, examples);
    const sorted = answers.toSorted((a, b) => a.example.line - b.example.line);
    const logits = joined(sorted.map((answer) => answer.logits));
    return { logits, width: logits.length / sorted.length };
  } finally {
    await engine.dispose();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
