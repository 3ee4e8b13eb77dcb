/** The compiled step of a one-layer Llama as text: what changes in it shows in the difference. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { printGraph } from "../../src/graph/print.ts";
import { causalLmOf } from "../../src/models/registry.ts";
import { loraAdapter } from "../../src/methods/lora/method.ts";
import { buildTrainingGraph } from "../../src/onnx-engine/ort-graphs.ts";

const GOLDEN = new URL("../golden/graph/training-step.txt", import.meta.url);

const architecture = causalLmOf(
  {
    model_type: "llama",
    vocab_size: 32,
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 64,
    tie_word_embeddings: true,
  },
  "config.json",
);

/** `UPDATE_GOLDENS=1` writes the text anew; read the difference before you commit it. */
test("the training step of LoRA on q_proj is the one that was read and agreed on", () => {
  const layer = architecture.linearLayers.find(({ path }) => path.endsWith("q_proj"))!;
  const { graph } = buildTrainingGraph(
    {
      architecture,
      tuning: {
        trained: new Set(),
        adapter: loraAdapter({
          sites: [{ layer, rank: 2, scale: 2 }],
          rank: 2,
          alpha: 4,
          useRslora: false,
          useDora: false,
          dropout: 0,
        }),
      },
      maxPositions: 64,
      typeOf: () => "bfloat16",
    },
    { blocks: 2, rowChunks: 1, vocabularyChunks: 1, kept: "all" },
  );
  const text = `${printGraph(graph)}\n`;
  if (process.env["UPDATE_GOLDENS"]) writeFileSync(GOLDEN, text);
  assert.equal(text, readFileSync(GOLDEN, "utf8"));
});
