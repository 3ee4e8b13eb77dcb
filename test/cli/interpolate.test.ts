/** From a base to its fine-tune and back, with the command alone. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Point, Summary } from "../../src/cli/sweep.ts";
import { readModelWeights } from "../../src/weights/model-weights.ts";
import { readTensorBytes } from "../../src/weights/safetensors.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function sameWeights(one: string, other: string): Promise<void> {
  const [a, b] = [await readModelWeights(one), await readModelWeights(other)];
  for (const [name, info] of a) {
    assert.deepEqual(await readTensorBytes(b.get(name)!), await readTensorBytes(info), name);
  }
}

test("a sweep meets the base at 0 and the fine-tune at 1; a chosen alpha is written", async (t) => {
  const dir = tinyWorkspace(t);
  const [base, run] = [path.join(dir, "model"), path.join(dir, "run")];
  const recipe = writeRecipe(dir, { method: { type: "full" }, optimizer: { learningRate: 2e-3 } });
  assert.equal((await retune("train", recipe, "--run-dir", run)).code, 0);
  const tuned = path.join(run, "model");
  const other = path.join(dir, "other.jsonl");
  writeFileSync(other, '{"text": "a wholly different kind of text"}\n');
  const files = { own: path.join(dir, "data.jsonl"), other };
  const evals = Object.entries(files).flatMap(([name, file]) => ["--eval", `${name}=${file}`]);
  const swept = await retune(
    "interpolate",
    base,
    tuned,
    "--sweep",
    "0:1:0.25",
    ...evals,
    "--choose",
    "own",
    "--json",
  );
  assert.equal(swept.code, 0, swept.stderr);
  const { points, recommended } = JSON.parse(swept.stdout) as { points: Point[] } & Summary;
  assert.deepEqual(
    points.map(({ alpha }) => alpha),
    [0, 0.25, 0.5, 0.75, 1],
  );
  const evaluated = async (model: string, file: string): Promise<number> => {
    const { stdout } = await retune("eval", model, "--data", file, "--json");
    return (JSON.parse(stdout) as { loss: number }).loss;
  };
  for (const [name, file] of Object.entries(files) as ["own" | "other", string][]) {
    assert.equal(points[0]!.results[name]!.loss, await evaluated(base, file));
    assert.equal(points.at(-1)!.results[name]!.loss, await evaluated(tuned, file));
  }
  const best = points.reduce((a, b) => (b.results["own"]!.loss < a.results["own"]!.loss ? b : a));
  assert.deepEqual(recommended, { alpha: best.alpha, by: "own" });

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

  const shown = await retune("interpolate", base, tuned, "--sweep", "0:1:0.5", ...evals);
  assert.match(shown.stdout, /^alpha\town loss\town accuracy\tother loss\tother accuracy$/m);
  const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { code, stderr } = await retune("interpolate", base, ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  const out = path.join(dir, "refused");
  await refused(/--alpha must be from 0 to 1, found "1\.5"/, tuned, "--alpha", "1.5", "--out", out);
  await refused(/must be a number of at least 0, found "-1"/, tuned, "--alpha=-1", "--out", out);
  await refused(/is not empty/, tuned, "--alpha", "0.5", "--out", tuned);
  await refused(/--sweep must be FROM:TO:STEP/, tuned, "--sweep", "0:2:0.1", ...evals);
  await refused(
    /--choose test is none of the data/,
    tuned,
    "--sweep",
    "0:1:1",
    ...evals,
    "--choose",
    "test",
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
  const swept = await retune(
    "interpolate",
    base,
    "--adapter",
    adapter,
    "--sweep",
    "0:1:0.5",
    "--eval",
    `rows=${file}`,
    "--json",
  );
  assert.equal(swept.code, 0, swept.stderr);
  const { points } = JSON.parse(swept.stdout) as { points: Point[] };
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
