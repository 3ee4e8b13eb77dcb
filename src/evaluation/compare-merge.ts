/** Does a merged model say what base and adapters say? Their logits on a few texts, compared. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadTokenizer } from "../data/tokenizer.ts";
import { combineAdapters } from "../merge/adapters/combined-adapter.ts";
import { openBaseModel } from "../models/base-model.ts";
import { type LogitDifference, compareLogits } from "./logit-difference.ts";
import { type AnsweringModel, labelLogits, tokenLogits } from "./sample-texts.ts";

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

/** @throws InputError for a model that the engine can't run */
async function compareModels(
  apart: AnsweringModel,
  merged: AnsweringModel,
): Promise<MergeDifference> {
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
