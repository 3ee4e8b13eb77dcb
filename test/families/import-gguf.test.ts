/** A .gguf of each family, written with the gguf package's own names, beside the folder it was made of. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { importGguf } from "../../src/families/import-gguf.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { readTensor } from "../../src/tensors/safetensors.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { tempDir } from "../support/temp-dir.ts";

const SAME_KEYS = [
  "model_type",
  "architectures",
  "vocab_size",
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "max_position_embeddings",
  "rms_norm_eps",
  "hidden_act",
  "tie_word_embeddings",
];

for (const model of ["qwen2"]) {
  test(`${model}: the import of a .gguf is the folder that it was made of, to the last bit`, async (t) => {
    const dir = await importGguf(goldenModel(model, "model.gguf"), { cacheDir: tempDir(t) });
    const [ours, theirs] = [await openBaseModel(dir), await openBaseModel(goldenModel(model))];
    for (const key of SAME_KEYS) assert.deepEqual(ours.config[key], theirs.config[key], key);
    const rope = theirs.config["rope_parameters"] as { rope_theta: number } | undefined;
    assert.equal(ours.config["rope_theta"], rope?.rope_theta ?? 10_000);
    assert.deepEqual(ours.architecture.tensors, theirs.architecture.tensors);
    assert.equal(ours.weights.size, theirs.weights.size);
    for (const [name, info] of theirs.weights) {
      assert.deepEqual(await readTensor(ours.weights.get(name)!), await readTensor(info), name);
    }
    const tokenizer = JSON.parse(readFileSync(path.join(dir, "tokenizer.json"), "utf8")) as {
      pre_tokenizer: { pretokenizers: { pattern?: { Regex: string } }[] };
    };
    assert.ok(tokenizer.pre_tokenizer.pretokenizers[0]?.pattern);
  });
}
