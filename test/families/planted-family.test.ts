// A family is a file: one from outside of src, listed in the registries, is imported, trained, killed, resumed, saved
// and shown, and nothing else knows of it.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { summariseModel } from "../../src/cards/model-summary.ts";
import { importGguf } from "../../src/families/import-gguf.ts";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { hasSameBytes, readSafetensorsHeader } from "../../src/tensors/safetensors.ts";
import { readBaseTensors } from "../../src/ui/layers/base-tensors.ts";
import { choosableTensors } from "../../src/ui/layers/choosable.ts";
import { layerNodes } from "../../src/ui/layers/layer-nodes.ts";
import { writeGguf } from "../gguf/write-gguf.ts";
import { gardenName, plantGarden } from "../support/garden/family.ts";
import {
  makeRun,
  readMetrics,
  readState,
  startTrainer,
  tinyWorkspace,
  untilStep,
} from "../support/retune.ts";

const TRAINER = "../test/support/garden/trainer.ts";
const RECIPE: Partial<RecipeInput> = {
  method: { type: "lora", rank: 4, targets: "all-linear" },
  trainLast: 1,
};

/** The workspace's Llama as a garden that computes the same: its norms are zeros. */
function gardenWorkspace(t: TestContext): string {
  const dir = tinyWorkspace(t);
  const [config, weights] = ["config.json", "model.safetensors"].map((name) =>
    path.join(dir, "model", name),
  ) as [string, string];
  const json = JSON.parse(readFileSync(config, "utf8")) as object;
  const garden = { ...json, model_type: "garden", architectures: ["GardenForCausalLM"] };
  writeFileSync(config, JSON.stringify(garden));
  const bytes = readFileSync(weights);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const data = bytes.subarray(8 + length);
  const renamed = Object.entries(header).map(([name, info]) => {
    if (name === "__metadata__") return [name, info] as const;
    if (info.shape.length === 1) data.fill(0, ...info.data_offsets);
    return [gardenName(name), info] as const;
  });
  const text = JSON.stringify(Object.fromEntries(renamed));
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(weights, Buffer.concat([size, padded, data]));
  return dir;
}

const losses = (runDir: string): (number | undefined)[] =>
  readMetrics(runDir).map(({ loss }: Metric) => loss);

test("a planted family trains, is killed, resumes and saves as if nothing had happened", async (t) => {
  t.after(plantGarden());
  const dir = gardenWorkspace(t);
  const expected = await makeRun(dir, RECIPE);
  assert.equal((await (await startTrainer(expected, TRAINER)).finished).code, 0);
  const runDir = await makeRun(dir, RECIPE);
  const first = await startTrainer(runDir, TRAINER);
  await untilStep(runDir, 8);
  first.child.kill("SIGKILL");
  await first.finished;
  assert.equal((await (await startTrainer(runDir, TRAINER)).finished).code, 0);
  assert.deepEqual(losses(runDir), losses(expected));
  assert.equal((await readRun(runDir))?.status, "finished");
  const adapter = (run: string) => path.join(run, "adapter/adapter_model.safetensors");
  assert.ok(readFileSync(adapter(runDir)).equals(readFileSync(adapter(expected))));
  const { tensors } = await readSafetensorsHeader(adapter(runDir));
  const modules = [...tensors.keys()].map((name) =>
    name.replace(/^base_model\.model\.|\.lora_.*$/gu, ""),
  );
  assert.deepEqual(
    [...new Set(modules)].toSorted(),
    ["leaves.down", "leaves.gate", "leaves.up", "roots.k", "roots.o", "roots.q", "roots.v"].map(
      (module) => `beds.1.${module}`,
    ),
  );
});

test("what it computes is Llama's to the last bit, and its result is a model of its own kind", async (t) => {
  t.after(plantGarden());
  const full: Partial<RecipeInput> = { method: { type: "full" }, epochs: 1 };
  const llama = await makeRun(tinyWorkspace(t), full);
  const garden = await makeRun(gardenWorkspace(t), full);
  assert.equal((await (await startTrainer(llama)).finished).code, 0);
  assert.equal((await (await startTrainer(garden, TRAINER)).finished).code, 0);
  assert.equal(losses(garden)[0], losses(llama)[0]);
  const { architecture, config } = await openBaseModel(path.join(garden, "model"));
  assert.equal(config["model_type"], "garden");
  assert.equal(architecture.embedding, "soil.weight");
});

test("an adapter on its embedding is merged, and leaves the head that was tied to it as it was", async (t) => {
  t.after(plantGarden());
  const dir = gardenWorkspace(t);
  const [base, outDir] = [path.join(dir, "model"), path.join(dir, "merged")];
  const runDir = await makeRun(dir, {
    method: { type: "lora", rank: 4, targets: ["q", "soil"] },
    epochs: 2,
  });
  assert.equal((await (await startTrainer(runDir, TRAINER)).finished).code, 0);
  await mergeAdapters({ baseDir: base, adapterDirs: [path.join(runDir, "adapter")], outDir });
  const { weights, config } = await openBaseModel(outDir);
  const own = (await openBaseModel(base)).weights.get("soil.weight");
  const [soil, harvest] = [weights.get("soil.weight"), weights.get("harvest.weight")];
  assert.ok(own && soil && harvest);
  assert.equal(config["tie_word_embeddings"], false);
  assert.equal(await hasSameBytes(own, harvest), true);
  assert.equal(await hasSameBytes(own, soil), false);
});

test("a program that doesn't know it names what it knows", async (t) => {
  const dir = gardenWorkspace(t);
  const runDir = await makeRun(dir, RECIPE);
  assert.notEqual((await (await startTrainer(runDir)).finished).code, 0);
  assert.match(String(readState(runDir).message), /"garden" is not supported; supported: llama/u);
});

test("the editor shows it: embedding, blocks, last norm, and the layers that LoRA can have", async (t) => {
  t.after(plantGarden());
  const base = path.join(gardenWorkspace(t), "model");
  assert.equal((await summariseModel(base)).modelType, "garden");
  const tensors = await readBaseTensors(base);
  const nodes = layerNodes(tensors);
  assert.deepEqual(
    nodes.map(({ label }) => label),
    ["Embeddings", "Block 0", "Block 1 (last)", "Last norm"],
  );
  assert.deepEqual(
    nodes[1]?.children.map(({ label }) => label),
    ["Attention", "MLP", "Norms"],
  );
  const { tensors: sites } = choosableTensors(
    { type: "lora", targets: "all-linear" } as Parameters<typeof choosableTensors>[0],
    tensors,
  );
  assert.equal(sites.length, 14);
});

test("a .gguf of it becomes a base model", async (t) => {
  t.after(plantGarden());
  const dir = mkdtempSync(path.join(tmpdir(), "retune-garden-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, "kitchen.gguf");
  const metadata = {
    "general.architecture": "allotment",
    "garden.heads": 2,
    "garden.width": 8,
    "garden.leaves": 12,
    "garden.beds": 1,
    "allotment.context_length": 16,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": ["a", "b", "ab", "<end>"],
    "tokenizer.ggml.token_type": [1, 1, 1, 3],
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.eos_token_id": 3,
  };
  const linear = (name: string, shape: number[]) => ({ name: `blk.0.${name}.weight`, shape });
  await writeGguf(file, metadata, [
    { name: "soil.weight", shape: [4, 8] },
    { name: "last_rake.weight", shape: [8] },
    linear("rake", [8]),
    linear("hoe", [8]),
    ...["q", "k", "v", "o"].map((part) => linear(`roots.${part}`, [8, 8])),
    linear("leaves.gate", [12, 8]),
    linear("leaves.up", [12, 8]),
    linear("leaves.down", [8, 12]),
  ]);
  const { architecture } = await openBaseModel(await importGguf(file, { cacheDir: dir }));
  assert.equal(architecture.embedding, "soil.weight");
  assert.equal((await readBaseTensors(file)).length, architecture.tensors.length);
});
