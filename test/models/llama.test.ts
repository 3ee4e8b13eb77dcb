import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Tensor } from "onnxruntime-node";
import { openBaseModel } from "../../src/models/base-model.ts";
import { causalLmOf } from "../../src/models/registry.ts";
import { graphOptionsOf, sessionOptionsOf } from "../../src/onnx-engine/tuned-base.ts";
import { causalMask } from "../../src/onnx-engine/ort-feeds.ts";
import { FEEDS, buildDecodingGraph, buildTrainingGraph } from "../../src/onnx-engine/ort-graphs.ts";
import { OrtSession } from "../../src/onnx-engine/ort-session.ts";
import { loraScale } from "../../src/methods/lora/lora.ts";
import { loraAdapter } from "../../src/methods/lora/method.ts";
import { NOTHING_TUNED } from "../../src/methods/method.ts";
import { selectTargets } from "../../src/methods/modules.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../src/tensors/safetensors.ts";
import { InputError } from "../../src/util/errors.ts";
import { assertClose } from "../support/assert-close.ts";

const folder = (variant: string): string =>
  fileURLToPath(new URL(`../golden/models/${variant}`, import.meta.url));

/** What config.json says otherwise than the golden folder's, with the same logits in transformers 5.23. */
const variants: [string, string, Record<string, unknown>][] = [
  ["tied", "tied", {}],
  ["untied", "untied", {}],
  ["tied by a config with a head that differs", "untied", { tie_word_embeddings: true }],
  ["without a head, whatever the config leaves out", "tied", { tie_word_embeddings: undefined }],
  ["without a head, whatever the config says", "tied", { tie_word_embeddings: false }],
];

for (const [statement, variant, change] of variants) {
  test(`${statement}: logits are transformers'`, async (t) => {
    const dir = await mkdtemp(path.join(tmpdir(), "retune-llama-"));
    t.after(() => rm(dir, { recursive: true }));
    await cp(folder(variant), dir, { recursive: true });
    const file = path.join(dir, "config.json");
    const config = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...config, ...change }));
    const base = await openBaseModel(dir);
    const { architecture } = base;
    const { tensors } = await readSafetensorsHeader(`${folder(variant)}/expected.safetensors`);
    const [B, T] = tensors.get("ids")!.shape as [number, number];
    const ids = await readTensorBytes(tensors.get("ids")!);
    const graph = buildDecodingGraph(graphOptionsOf(base, NOTHING_TUNED, T));
    const session = await OrtSession.create(
      graph.graph,
      await sessionOptionsOf(base, { threads: 1, prepack: true }),
    );
    const { keyValueHeads, headSize } = architecture;
    const empty = new Tensor("float32", new Float32Array(), [B, keyValueHeads, 0, headSize]);
    const cache = graph.cache.flatMap(({ pastKey, pastValue }) => [pastKey, pastValue]);
    const outputs = await session.run(
      {
        ...Object.fromEntries(cache.map((name) => [name, empty])),
        [FEEDS.ids]: new BigInt64Array(ids.slice().buffer),
        [FEEDS.positions]: BigInt64Array.from({ length: B * T }, (_, i) => BigInt(i % T)),
        [FEEDS.mask]: causalMask(T),
        [FEEDS.rows]: BigInt64Array.from({ length: B * T }, (_, i) => BigInt(i)),
      },
      { B, T, S: T, P: 0, R: B * T },
    );
    await session.dispose();
    const logits = outputs[graph.logits]!.data as Float32Array;
    const expected = await readTensor(tensors.get("logits")!);
    const lengths = await readTensorBytes(tensors.get("lengths")!);
    const width = architecture.vocabSize;
    // transformers' padded positions hold whatever its mask made of them: compare the real ones.
    new BigInt64Array(lengths.slice().buffer).forEach((length, row) => {
      const range = [row * T * width, (row * T + Number(length)) * width] as const;
      assertClose(logits.subarray(...range), expected.subarray(...range), { atol: 1e-4 }, "logits");
    });
  });
}

test("with LoRA on the last layer nothing below it is differentiated", async () => {
  const base = await openBaseModel(folder("tied"));
  const nodes = (targets: string): number => {
    const sites = selectTargets(base.architecture.linearLayers, targets).map((layer) => ({
      layer,
      rank: 2,
      scale: loraScale(4, 2, false),
    }));
    const flags = { useRslora: false, useDora: false, dropout: 0 };
    const adapter = loraAdapter({ sites, rank: 2, alpha: 4, ...flags });
    const tuning = { trained: new Set<string>(), adapter };
    const { graph } = buildTrainingGraph(graphOptionsOf(base, tuning, 8), {
      blocks: 1,
      rowChunks: 1,
      vocabularyChunks: 1,
      kept: "all",
    });
    return graph.nodes.filter(({ outputs }) => outputs[0]!.name.startsWith("backward.")).length;
  };
  const last = nodes(String.raw`model\.layers\.1\.mlp\.down_proj`);
  const first = nodes(String.raw`model\.layers\.0\.self_attn\.q_proj`);
  assert.ok(last < 20 && last * 3 < first, `${last} and ${first} backward nodes`);
});

const config = {
  model_type: "llama",
  vocab_size: 8,
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};

const refusals: [string, object, RegExp][] = [
  [
    "an unknown model_type",
    { ...config, model_type: "mamba" },
    /model_type "mamba".*supported: llama/,
  ],
  [
    "a model_type whose parts are missing",
    { ...config, model_type: "qwen3_5" },
    /"qwen3_5" is not supported \(it needs .*delta rule\); supported: llama/,
  ],
  ["a missing model_type", { vocab_size: 8 }, /model_type/],
  ["a missing size", { ...config, hidden_size: undefined }, /hidden_size/],
  ["a size of the wrong type", { ...config, vocab_size: "8" }, /vocab_size/],
  [
    "heads that do not share keys evenly",
    { ...config, num_attention_heads: 4, num_key_value_heads: 3 },
    /num_key_value_heads 3/,
  ],
  ["an odd head size", { ...config, head_dim: 3 }, /head size 3/],
  ["another activation", { ...config, hidden_act: "gelu" }, /hidden_act "gelu"/],
  ["an unknown rope type", { ...config, rope_scaling: { type: "spiral" } }, /rope type "spiral"/],
  [
    "a rope type without its factor",
    { ...config, rope_scaling: { type: "linear" } },
    /needs factor/,
  ],
];

for (const [what, json, message] of refusals) {
  test(`${what} is refused in one line that names it`, () => {
    assert.throws(
      () => causalLmOf(json, "m/config.json"),
      (error) =>
        error instanceof InputError &&
        message.test(error.message) &&
        error.message.startsWith("m/config.json") &&
        !error.message.includes("\n"),
    );
  });
}
