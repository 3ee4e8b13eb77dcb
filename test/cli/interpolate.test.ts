/** From a base to its fine-tune and back, with the command alone. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { InterpolationPoint, InterpolationState } from "../../src/protocol/interpolation.ts";
import type { InterpolationSummary } from "../../src/runs/interpolations/summary.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensorBytes } from "../../src/tensors/safetensors.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function sameWeights(one: string, other: string): Promise<void> {
  const [a, b] = [await readModelWeights(one), await readModelWeights(other)];
  for (const [name, info] of a) {
    assert.deepEqual(await readTensorBytes(b.get(name)!), await readTensorBytes(info), name);
  }
}

function interpolationLines(stdout: string): {
  points: InterpolationPoint[];
  summary: InterpolationSummary;
} {
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as InterpolationPoint | InterpolationSummary);
  return { summary: lines.pop() as InterpolationSummary, points: lines as InterpolationPoint[] };
}

function readPointLines(interpolationDir: string): string[] {
  const file = path.join(interpolationDir, "points.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

function stateOf(interpolationDir: string): InterpolationState {
  return JSON.parse(
    readFileSync(path.join(interpolationDir, "state.json"), "utf8"),
  ) as InterpolationState;
}

test("an interpolation meets the base at 0 and the fine-tune at 1; a chosen alpha is written", async (t) => {
  const dir = tinyWorkspace(t);
  const [base, run] = [path.join(dir, "model"), path.join(dir, "run")];
  const recipe = writeRecipe(dir, { method: { type: "full" }, optimizer: { learningRate: 2e-3 } });
  assert.equal((await retune("train", recipe, "--run-dir", run)).code, 0);
  const tuned = path.join(run, "model");
  const other = path.join(dir, "other.jsonl");
  writeFileSync(other, '{"text": "a wholly different kind of text"}\n');
  const files = { own: path.join(dir, "data.jsonl"), other };
  const interpolationDir = path.join(dir, "interpolation");
  const evals = ["--validation", `own=${files.own}`, "--shifted", `other=${files.other}`];
  const ended = await retune(
    "interpolate",
    base,
    tuned,
    "--sweep",
    "0:1:0.25",
    ...evals,
    "--interpolation-dir",
    interpolationDir,
    "--json",
  );
  assert.equal(ended.code, 0, ended.stderr);
  const { points, summary } = interpolationLines(ended.stdout);
  // The ends come first.
  assert.deepEqual(
    points.map(({ alpha }) => alpha),
    [0, 1, 0.25, 0.5, 0.75],
  );
  points.sort((a, b) => a.alpha - b.alpha);
  assert.deepEqual(readdirSync(interpolationDir).toSorted(), [
    "interpolation.json",
    "log.txt",
    "points.jsonl",
    "state.json",
  ]);
  assert.equal(stateOf(interpolationDir).status, "finished");
  assert.equal(readPointLines(interpolationDir).length, 5);
  const evaluated = async (model: string, file: string): Promise<number> => {
    const { stdout } = await retune("eval", model, "--data", file, "--json");
    return (JSON.parse(stdout) as { loss: number }).loss;
  };
  for (const [name, file] of Object.entries(files) as ["own" | "other", string][]) {
    assert.equal(points[0]!.results[name]!.loss, await evaluated(base, file));
    assert.equal(points.at(-1)!.results[name]!.loss, await evaluated(tuned, file));
  }
  const best = points.reduce((a, b) => (b.results["own"]!.loss < a.results["own"]!.loss ? b : a));
  const value = best.results["own"]!.loss;
  assert.deepEqual(summary.recommended, { alpha: best.alpha, by: ["own"], metric: "loss", value });

  const at = async (alpha: string): Promise<string> => {
    const out = path.join(dir, `mix-${alpha}`);
    const { code, stderr } = await retune(
      "interpolate",
      base,
      tuned,
      "--alpha",
      alpha,
      "--out",
      out,
    );
    assert.equal(code, 0, stderr);
    return out;
  };
  await sameWeights(await at("0"), base);
  await sameWeights(await at("1"), tuned);
  assert.equal(await evaluated(await at("0.5"), files.own), points[2]!.results["own"]!.loss);

  const shownDir = path.join(dir, "shown");
  const tests = ["--eval", `own=${files.own}`, "--shifted", `other=${files.other}`];
  const shown = await retune(
    "interpolate",
    base,
    tuned,
    "--sweep",
    "0:1:0.5",
    ...tests,
    "--interpolation-dir",
    shownDir,
  );
  assert.match(shown.stdout, /^alpha\town loss\town accuracy\tother loss\tother accuracy$/m);
  assert.match(shown.stdout, /Without validation data nothing is recommended.*alpha 0\.5/);
  const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { code, stderr } = await retune("interpolate", base, ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  const out = path.join(dir, "refused");
  await refused(/--alpha must be from 0 to 1, found "1\.5"/, tuned, "--alpha", "1.5", "--out", out);
  await refused(/must be a number of at least 0, found "-1"/, tuned, "--alpha=-1", "--out", out);
  await refused(/is not empty/, tuned, "--alpha", "0.5", "--out", tuned);
  const interpolations = (...args: string[]): string[] => [
    tuned,
    "--sweep",
    ...args,
    "--interpolation-dir",
    out,
  ];
  await refused(/alphas must be FROM:TO:STEP/, ...interpolations("0:2:0.1", ...evals));
  await refused(/--eval NAME=FILE is missing/, ...interpolations("0:1:1"));
  await refused(
    /is both validation and test \(test, own\): .*split the file/,
    ...interpolations("0:1:1", "--eval", `test=${dir}/model/../data.jsonl`, ...evals),
  );
  await refused(
    /missing\.jsonl does not exist/,
    ...interpolations("0:1:1", "--eval", "x=missing.jsonl"),
  );
  const torn = path.join(dir, "torn.jsonl");
  writeFileSync(torn, '{"text": "fine"}\n{"text": \n');
  await refused(/torn\.jsonl:2:\d+: /, ...interpolations("0:1:1", "--eval", `torn=${torn}`));
  await refused(
    /is not empty/,
    tuned,
    "--sweep",
    "0:1:1",
    ...evals,
    "--interpolation-dir",
    interpolationDir,
  );
  assert.ok(!existsSync(out));
});

test("with an adapter, alpha is the share of its change", async (t) => {
  const dir = tinyWorkspace(t);
  const [base, run] = [path.join(dir, "model"), path.join(dir, "run")];
  const recipe = writeRecipe(dir, { epochs: 2 });
  assert.equal((await retune("train", recipe, "--run-dir", run)).code, 0);
  const adapter = path.join(run, "adapter");
  const file = path.join(dir, "data.jsonl");
  const ended = await retune(
    "interpolate",
    base,
    "--adapter",
    adapter,
    "--sweep",
    "0:1:0.5",
    "--eval",
    `rows=${file}`,
    "--interpolation-dir",
    path.join(dir, "interpolation"),
    "--json",
  );
  assert.equal(ended.code, 0, ended.stderr);
  const { points, summary } = interpolationLines(ended.stdout);
  assert.equal(summary.recommended, undefined);
  points.sort((a, b) => a.alpha - b.alpha);
  const loss = async (...model: string[]): Promise<number> =>
    (
      JSON.parse((await retune("eval", ...model, "--data", file, "--json")).stdout) as {
        loss: number;
      }
    ).loss;
  assert.equal(points[0]!.results["rows"]!.loss, await loss(base));
  const whole = await loss(base, "--adapter", adapter);
  assert.ok(Math.abs(points[2]!.results["rows"]!.loss - whole) < 1e-5);
});
