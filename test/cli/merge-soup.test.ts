/** Greedy soups, chosen by a real evaluation of a tiny model and of spoilt copies. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import { retune, tinyWorkspace } from "../support/retune.ts";

/** A copy of `model` whose weights are moved by pseudo-random steps of this size. */
async function moved(dir: string, name: string, size: number): Promise<void> {
  cpSync(path.join(dir, "model"), path.join(dir, name), { recursive: true });
  const tensors = [];
  for (const info of (await readModelWeights(path.join(dir, "model"))).values()) {
    const values = (await readTensor(info)).map(
      (value, i) => value + size * Math.sin(1 + i * 12.9898),
    );
    tensors.push({ ...info, data: fromFloat32(values, "F32") });
  }
  await writeSafetensors(path.join(dir, name, "model.safetensors"), tensors);
}

test("takes what does not make it worse, best first, and leaves nothing else behind", async (t) => {
  const dir = tinyWorkspace(t);
  const at = (name: string): string => path.join(dir, name);
  // The loss has a minimum between the model and `far`, at which their average is.
  await moved(dir, "spoilt", 0.8);
  await moved(dir, "far", -0.04);
  const before = readdirSync(dir);
  const models = ["spoilt", "model", "far"].map(at);
  const args = [...models, "--method", "model-soup", "--evaluate-on", at("data.jsonl")];
  const { code, stderr } = await retune("merge", ...args, "--out", at("soup"));
  assert.equal(code, 0, stderr);
  const lines = stderr.trim().split("\n");
  assert.match(lines[0]!, /^spoilt: loss \d/);
  const [model, far] = lines.slice(1, 3).map(lossOf);
  const second = model! < far! ? "far" : "model";
  assert.match(lines[3]!, new RegExp(`^with ${second}: loss .*, kept$`, "u"));
  assert.ok(lossOf(lines[3]!) < Math.min(model!, far!));
  assert.match(lines[4]!, /^with spoilt: loss .*, left out$/);
  assert.deepEqual(readdirSync(dir).toSorted(), [...before, "soup"].toSorted());

  const [, a, b] = await Promise.all(models.map((one) => readModelWeights(one)));
  for (const [name, info] of await readModelWeights(at("soup"))) {
    const [x, y] = [await readTensor(a!.get(name)!), await readTensor(b!.get(name)!)];
    const mean = x.map((value, i) => (value + y[i]!) / 2);
    assertClose(await readTensor(info), mean, { atol: 1e-7 }, name);
  }
  const card = readFileSync(path.join(at("soup"), "README.md"), "utf8");
  assert.match(card, /method \[model soup\]/);
});

test("of one model is that model, bit for bit", async (t) => {
  const dir = tinyWorkspace(t);
  const at = (name: string): string => path.join(dir, name);
  await moved(dir, "spoilt", 2);
  const args = [at("spoilt"), at("model"), "--method", "model-soup"];
  const data = ["--evaluate-on", at("data.jsonl")];
  const { code, stderr } = await retune("merge", ...args, ...data, "--out", at("soup"));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^no average is as good as model alone$/m);
  const soup = await readModelWeights(at("soup"));
  for (const [name, info] of await readModelWeights(at("model"))) {
    assert.deepEqual(await readTensorBytes(soup.get(name)!), await readTensorBytes(info), name);
  }
});

test("data without which nothing can be chosen are asked for", async (t) => {
  const dir = tinyWorkspace(t);
  const at = (name: string): string => path.join(dir, name);
  const models = [at("model"), at("model"), "--method"];
  const out = ["--out", at("soup")];
  const missing = await retune(
    "merge",
    ...models,
    "model-soup",
    "--evaluate-on",
    at("no.jsonl"),
    ...out,
  );
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /no\.jsonl/);
  const other = await retune(
    "merge",
    ...models,
    "linear",
    "--evaluate-on",
    at("data.jsonl"),
    ...out,
  );
  assert.equal(other.code, 2);
  assert.match(other.stderr, /^--evaluate-on: only model-soup/);
  assert.ok(!readdirSync(dir).includes("soup"));
});

function lossOf(line: string): number {
  return Number(/loss ([\d.]+)/u.exec(line)?.[1]);
}
