// What is wrong with a base model is told by its file and place, before the first step.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { readSafetensorsHeader } from "../../src/tensors/safetensors.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

type Config = Record<string, unknown>;

function changeConfig(dir: string, change: (config: Config) => Config | string): void {
  const file = path.join(dir, "model/config.json");
  const changed = change(JSON.parse(readFileSync(file, "utf8")) as Config);
  writeFileSync(file, typeof changed === "string" ? changed : JSON.stringify(changed));
}

async function trained(t: TestContext, change: (dir: string) => void | Promise<void>) {
  const dir = tinyWorkspace(t);
  await change(dir);
  const recipe = writeRecipe(dir, { epochs: 0.5, evalEvery: 0, saveEvery: 0 });
  return retune("train", recipe, "--run-dir", path.join(dir, "run"));
}

test("NaN in the base is told by tensor and file, not as a rate that is too high", async (t) => {
  const name = "model.layers.1.mlp.up_proj.weight";
  const { code, stderr } = await trained(t, async (dir) => {
    const file = path.join(dir, "model/model.safetensors");
    const { tensors } = await readSafetensorsHeader(file);
    const bytes = readFileSync(file);
    bytes.writeFloatLE(NaN, tensors.get(name)!.byteOffset + 4 * 7);
    writeFileSync(file, bytes);
  });
  assert.notEqual(code, 0);
  assert.match(
    stderr,
    /model\.safetensors: tensor model\.layers\.1\.mlp\.up_proj\.weight holds NaN \(element 7\): the base is damaged/,
  );
  assert.doesNotMatch(stderr, /diverged; lower/);
});

test("more layers than the weights have are refused before they are built", async (t) => {
  for (const layers of [3, 4096, 16_777_216]) {
    const { code, stderr } = await trained(t, (dir) =>
      changeConfig(dir, (config) => ({ ...config, num_hidden_layers: layers })),
    );
    assert.equal(code, 2);
    assert.match(stderr, /config\.json: num_hidden_layers/);
  }
});

test("a config.json with a byte order mark is read by every command", async (t) => {
  const dir = tinyWorkspace(t);
  changeConfig(dir, (config) => `\uFEFF${JSON.stringify(config)}`);
  const model = path.join(dir, "model");
  for (const args of [
    ["inspect", model],
    ["eval", model, "--data", path.join(dir, "data.jsonl")],
  ]) {
    const { code, stderr } = await retune(...args);
    assert.equal(code, 0, stderr);
  }
});

test("a quantised base is told in one sentence by every command, with the way out", async (t) => {
  const dir = tinyWorkspace(t);
  changeConfig(dir, (config) => ({
    ...config,
    quantization_config: { quant_method: "gptq", bits: 4 },
  }));
  writeFileSync(path.join(dir, "model/README.md"), "---\nbase_model: org/full\n---\n");
  const model = path.join(dir, "model");
  const data = path.join(dir, "data.jsonl");
  const sentence =
    /the model is quantised \(quantization_config: gptq, 4 bits\).*: use org\/full, which its README\.md names/;
  for (const args of [
    ["train", writeRecipe(dir), "--run-dir", path.join(dir, "run")],
    ["inspect", "--recipe", writeRecipe(dir)],
    ["eval", model, "--data", data],
    ["generate", model, "--prompt", "a"],
    ["merge", "--method", "linear", model, model, "--out", path.join(dir, "out")],
  ]) {
    const { code, stderr } = await retune(...args);
    assert.equal(code, 2, `${args[0]}: ${stderr}`);
    assert.match(stderr, sentence, args[0]);
  }
  const { code, stdout } = await retune("inspect", model);
  assert.equal(code, 0);
  assert.match(stdout, sentence);
});

test("sixteen million positions cost generation no more than a long context", async (t) => {
  const dir = tinyWorkspace(t);
  changeConfig(dir, (config) => ({ ...config, max_position_embeddings: 16_777_216 }));
  const start = performance.now();
  const options = ["--prompt", "a", "--max-tokens", "2"];
  const { code, stderr } = await retune("generate", path.join(dir, "model"), ...options);
  assert.equal(code, 0, stderr);
  // 25 s before, and under one now.
  assert.ok(performance.now() - start < 10_000);
});
