/**
 * Every tensor of every adapter file is used or refused by name: to an adapter of each kind one tensor is added
 * that belongs to nothing, and every reader must name it.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../src/merge/adapters/merge-adapters.ts";
import { combineAdapters } from "../../src/merge/adapters/combined-adapter.ts";
import { openEvaluationEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";
import { InputError } from "../../src/util/errors.ts";
import { summariseAdapter } from "../../src/cards/model-summary.ts";
import { writeReftAdapter } from "../../src/adapter-files/reft/reft-adapter.ts";
import {
  type TensorToWrite,
  readSafetensorsHeader,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { adapterGolden } from "../support/adapter-cases.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { peftShape } from "../support/peft-shapes.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-unknown-tensor-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

const STEM = "base_model.model.model.layers.0";
const UNKNOWN = [
  "extra",
  "prompt_embeddings_2",
  `${STEM}.self_attn.o_proj.lora_C.weight`,
  `${STEM}.self_attn.o_proj.lora_B.bias`,
  `${STEM}.self_attn.o_proj.lora_magnitude_vector`,
  `${STEM}.self_attn.o_proj.lora_embedding_C`,
  `${STEM}.self_attn.o_proj.weight`,
  `${STEM}.self_attn.o_proj.ia3_l.extra`,
  `${STEM}.self_attn.o_proj.vera_lambda_b`,
  `${STEM}.input_layernorm.weight`,
  "base_model.model.model.norm.bias",
  "base_model.model.score.weight",
  "base_model.score.weight",
  "layers.0.7.rotate",
];

/** Folder, its base, and what of the names above belongs to it. */
const ADAPTERS: Record<string, { from: string; variant: string; isMergeable: boolean }> = {
  lora: { from: adapterGolden("patterns"), variant: "tied", isMergeable: true },
  dora: { from: adapterGolden("dora"), variant: "tied", isMergeable: true },
  "dora on embeddings": { from: peftShape("dora-embedding"), variant: "tied", isMergeable: true },
  "single tokens": { from: peftShape("tokens"), variant: "tied", isMergeable: true },
  ia3: { from: adapterGolden("ia3"), variant: "tied", isMergeable: true },
  "prompt tuning": { from: adapterGolden("prompt-tuning"), variant: "tied", isMergeable: false },
  "p-tuning": { from: peftShape("p-tuning"), variant: "tied", isMergeable: false },
  "prefix tuning": { from: adapterGolden("prefix-tuning"), variant: "untied", isMergeable: false },
};

async function withExtra(from: string, fileName: string, name: string): Promise<string> {
  const folder = path.join(dir, `adapter-${count++}`);
  cpSync(from, folder, { recursive: true });
  const file = path.join(folder, fileName);
  const bytes = readFileSync(file);
  const { tensors } = await readSafetensorsHeader(file);
  const kept = [...tensors.values()].map((info): TensorToWrite => ({
    name: info.name,
    dtype: info.dtype,
    shape: info.shape,
    data: bytes.subarray(info.byteOffset, info.byteOffset + info.byteLength),
  }));
  const values = new Uint8Array(Float32Array.from({ length: 32 }, (_, i) => i).buffer);
  await writeSafetensors(file, [...kept, { name, dtype: "F32", shape: [32], data: values }]);
  return folder;
}

const READERS: Record<string, (adapterDir: string, baseDir: string) => Promise<unknown>> = {
  inspect: summariseAdapter,
  eval: (adapterDir, baseDir) =>
    openEvaluationEngine({ baseDir, adapterDir, maxLength: 32, threads: 1 }),
  generate: (adapterDir, baseDir) => openTextGenerator({ baseDir, adapterDir, threads: 1 }),
  merge: (adapterDir, baseDir) =>
    mergeAdapters({ baseDir, adapterDirs: [adapterDir], outDir: path.join(dir, `out-${count++}`) }),
  "the merge's check": (adapterDir, baseDir) =>
    combineAdapters(path.join(dir, `out-${count++}`), {
      baseDir,
      adapterDirs: [adapterDir],
      weights: [1],
    }),
};

function names(name: string) {
  return (error: unknown): true => {
    assert.ok(error instanceof InputError, String(error));
    assert.ok(error.message.includes(name), `${error.message} names ${name}`);
    return true;
  };
}

for (const [kind, { from, variant, isMergeable }] of Object.entries(ADAPTERS)) {
  test(`${kind}: a tensor that belongs to nothing is refused by its name, by every reader`, async () => {
    for (const name of UNKNOWN) {
      const adapter = await withExtra(from, "adapter_model.safetensors", name);
      for (const [reader, read] of Object.entries(READERS)) {
        if (!isMergeable && reader.includes("merge")) continue;
        await assert.rejects(read(adapter, goldenModel(variant)), names(name), `${reader} ${name}`);
      }
    }
  });
}

test("a classifier's adapter: likewise, its head apart", async () => {
  const from = path.join(import.meta.dirname, "../golden/classification/lora");
  for (const name of UNKNOWN) {
    if (name === "base_model.model.score.weight") continue;
    const adapter = await withExtra(from, "adapter_model.safetensors", name);
    for (const [reader, read] of Object.entries(READERS)) {
      if (reader === "generate") continue;
      await assert.rejects(read(adapter, goldenModel("tied")), names(name), `${reader} ${name}`);
    }
  }
});

test("interventions: likewise", async () => {
  const width = 32;
  const values = (length: number) => new Float32Array(length).fill(0.1);
  const from = path.join(dir, "reft");
  await writeReftAdapter(from, { baseModel: "", positions: "f1", tied: false, dropout: 0 }, [
    {
      layer: 0,
      unit: 0,
      type: "loreft",
      rank: 1,
      rotate: values(width),
      weight: values(width),
      bias: values(1),
    },
  ]);
  for (const name of [...UNKNOWN, "layers.1.0.rotate", "score.bias"]) {
    const adapter = await withExtra(from, "reft_model.safetensors", name);
    for (const reader of ["inspect", "eval", "generate"]) {
      const read = READERS[reader]!;
      await assert.rejects(read(adapter, goldenModel("tied")), names(name), `${reader} ${name}`);
    }
  }
});

test("the adapters themselves are read by all", async () => {
  for (const { from, variant, isMergeable } of Object.values(ADAPTERS)) {
    for (const [reader, read] of Object.entries(READERS)) {
      if (!isMergeable && reader.includes("merge")) continue;
      // With DoRA the check reads the adapter itself.
      await read(from, goldenModel(variant));
    }
  }
});
