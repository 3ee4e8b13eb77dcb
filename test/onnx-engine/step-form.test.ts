import assert from "node:assert/strict";
import { test } from "node:test";
import { methodSchema } from "../../src/protocol/methods.ts";
import { llama } from "../../src/models/llama.ts";
import type { GraphOptions } from "../../src/onnx-engine/ort-graphs.ts";
import { compileStep, planStep, predictBytes } from "../../src/onnx-engine/step-form.ts";
import { tuningOf } from "../../src/methods/tuning.ts";

/** SmolLM2-135M's shape; its weights are not needed to plan. */
const CONFIG = {
  model_type: "llama",
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 2048,
  tie_word_embeddings: true,
};
const WEIGHT_BYTES = 538e6;
const architecture = llama.open(CONFIG, "config.json");

function optionsFor(type: "float32" | "bfloat16"): GraphOptions {
  const tuning = tuningOf(
    { method: methodSchema.parse({ type: "lora" }) },
    { architecture, dir: "model" },
  );
  return { architecture, tuning, maxPositions: 512, typeOf: () => type };
}

const options = optionsFor("float32");

function choose(available: number, mode: "auto" | "speed" = "auto") {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const request = { maxLength: 513, mode, weightBytes: WEIGHT_BYTES, available, log };
  return { plan: compileStep(options, request).plan, lines };
}

test("auto takes the fastest mode that fits in four fifths of the free memory", () => {
  assert.equal(choose(24e9).plan.form.kept, "all");
  assert.equal(choose(2.4e9).plan.form.kept, "costly");
  assert.equal(choose(1.3e9).plan.form.kept, "layers");
});

test("what was chosen and predicted is said, and so is that it may not fit", () => {
  assert.match(
    choose(24e9).lines.join(),
    /memory mode speed, predicted to take 2\.\d+ GB of 24 GB/,
  );
  assert.match(choose(0.5e9).lines.join("\n"), /memory mode memory[^]*may not fit/);
  assert.match(choose(0.5e9, "speed").lines.join("\n"), /memory mode speed[^]*may not fit/);
});

test("each mode is predicted to need clearly less than the one before", () => {
  const bytes = (["speed", "balanced", "memory"] as const).map((mode) => {
    const request = { maxLength: 513, mode, weightBytes: WEIGHT_BYTES, available: 24e9 };
    const planned = compileStep(options, { ...request, log: () => {} });
    const parts = predictBytes(options, { ...planned, weightBytes: WEIGHT_BYTES, maxLength: 513 });
    const sum = Object.values(parts).reduce((a, b) => a + b, 0);
    assert.equal(sum, planned.memory.predictedBytes);
    return sum;
  });
  assert.ok(bytes[1]! < 0.6 * bytes[0]! && bytes[2]! < 0.8 * bytes[1]!, bytes.join());
});

test("only the memory mode reads a half-precision head by slices of the vocabulary", () => {
  const head = (type: "float32" | "bfloat16", mode: "balanced" | "memory") =>
    planStep(optionsFor(type), { maxLength: 513, mode }).form;
  assert.equal(head("bfloat16", "balanced").vocabularyChunks, 1);
  assert.equal(head("float32", "memory").vocabularyChunks, 1);
  assert.ok(head("float32", "memory").rowChunks > 1);
  assert.ok(head("bfloat16", "memory").vocabularyChunks > 1);
  assert.equal(head("bfloat16", "memory").rowChunks, 1);
});
