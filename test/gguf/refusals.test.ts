import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { InputError } from "../../src/util/errors.ts";
import { readGgufHeader } from "../../src/gguf/header.ts";
import { importGguf } from "../../src/families/import-gguf.ts";
import { type TinyTensor, type Value, writeGguf } from "./write-gguf.ts";

const scratch = await mkdtemp(path.join(tmpdir(), "retune-gguf-bad-"));
after(() => rm(scratch, { recursive: true }));
const cacheDir = path.join(scratch, "cache");
const file = path.join(scratch, "model.gguf");
const golden = await readFile(
  fileURLToPath(new URL("../golden/gguf/byte-level.gguf", import.meta.url)),
);

const metadata: Readonly<Record<string, Value>> = {
  "general.architecture": "llama",
  "llama.block_count": 1,
  "llama.context_length": 16,
  "llama.embedding_length": 8,
  "llama.feed_forward_length": 12,
  "llama.attention.head_count": 2,
  "llama.attention.layer_norm_rms_epsilon": 1e-5,
  "tokenizer.ggml.model": "gpt2",
  "tokenizer.ggml.pre": "gpt-2",
  "tokenizer.ggml.tokens": ["a", "b", "ab", "<end>"],
  "tokenizer.ggml.token_type": [1, 1, 1, 3],
  "tokenizer.ggml.merges": ["a b"],
  "tokenizer.ggml.eos_token_id": 3,
};
const tensors: readonly TinyTensor[] = [
  { name: "token_embd.weight", shape: [4, 8] },
  { name: "output_norm.weight", shape: [8] },
  { name: "blk.0.attn_norm.weight", shape: [8] },
  { name: "blk.0.attn_q.weight", shape: [8, 8] },
  { name: "blk.0.attn_k.weight", shape: [8, 8] },
  { name: "blk.0.attn_v.weight", shape: [8, 8] },
  { name: "blk.0.attn_output.weight", shape: [8, 8] },
  { name: "blk.0.ffn_norm.weight", shape: [8] },
  { name: "blk.0.ffn_gate.weight", shape: [12, 8] },
  { name: "blk.0.ffn_up.weight", shape: [12, 8] },
  { name: "blk.0.ffn_down.weight", shape: [8, 12] },
];

const change = (name: string, to: Partial<TinyTensor>): readonly TinyTensor[] =>
  tensors.map((tensor) => (tensor.name === name ? { ...tensor, ...to } : tensor));

async function assertRefused(message: RegExp): Promise<void> {
  await assert.rejects(
    importGguf(file, { cacheDir }),
    (error) =>
      error instanceof InputError &&
      message.test(error.message) &&
      error.message.startsWith(file) &&
      !error.message.includes("\n"),
  );
  const left = await readdir(cacheDir).catch(() => []);
  assert.deepEqual(left, []);
}

test("the model that the following break is fine itself", async () => {
  await writeGguf(file, metadata, tensors);
  const own = path.join(scratch, "fine");
  await importGguf(file, { cacheDir: own });
  assert.equal((await readdir(own)).length, 1);
});

const scalings: [string, Record<string, Value>, object | null][] = [
  ["none", { "llama.rope.scaling.type": "none" }, null],
  [
    "an old linear one",
    { "llama.rope.scale_linear": 4 },
    { rope_type: "linear", type: "linear", factor: 4 },
  ],
  [
    "YaRN",
    {
      "llama.rope.scaling.type": "yarn",
      "llama.rope.scaling.factor": 2,
      "llama.rope.scaling.original_context_length": 8,
      "llama.rope.scaling.attn_factor": 0.5,
    },
    {
      rope_type: "yarn",
      type: "yarn",
      factor: 2,
      original_max_position_embeddings: 8,
      attention_factor: 0.5 * (1 + 0.1 * Math.log(2)),
    },
  ],
];

for (const [what, extra, expected] of scalings) {
  test(`rotary scaling: ${what} is written in config.json's words`, async () => {
    const own = path.join(scratch, "scaling");
    await writeGguf(file, { ...metadata, ...extra }, tensors);
    const dir = await importGguf(file, { cacheDir: own });
    const config = JSON.parse(await readFile(path.join(dir, "config.json"), "utf8")) as object;
    assert.deepEqual("rope_scaling" in config && config.rope_scaling, expected);
  });
}

const refusals: [string, Record<string, Value | undefined>, readonly TinyTensor[], RegExp][] = [
  [
    "another architecture",
    { "general.architecture": "mamba" },
    tensors,
    /"mamba".*supported: llama/,
  ],
  ["no architecture", { "general.architecture": undefined }, tensors, /architecture is missing/],
  [
    "an adapter",
    { "general.type": "adapter" },
    tensors,
    /is an adapter of llama\.cpp's.*no model; .*give the folder that it was converted from/,
  ],
  ["a part of a model", { "split.count": 3 }, tensors, /one of 3 parts.*llama-gguf-split/],
  ["a mixture of experts", { "llama.expert_count": 8 }, tensors, /mixture of experts/],
  [
    "a missing size",
    { "llama.embedding_length": undefined },
    tensors,
    /embedding_length is missing/,
  ],
  [
    "more layers than tensors",
    { "llama.block_count": 2 ** 31 - 1 },
    tensors,
    /block_count is 2147483647, but the file has \d+ tensors/,
  ],
  ["a size that is text", { "llama.block_count": "1" }, tensors, /block_count is a string/],
  [
    "partial rotary positions",
    { "llama.rope.dimension_count": 2 },
    tensors,
    /rope.dimension_count 2 differs from the head size 4/,
  ],
  [
    "an unknown rotary scaling",
    { "llama.rope.scaling.type": "longrope", "llama.rope.scaling.factor": 2 },
    tensors,
    /"longrope".*supported: none, linear, yarn/,
  ],
  [
    "rotary factors of another model",
    {},
    [...tensors, { name: "rope_freqs.weight", shape: [2], value: 3 }],
    /tensor rope_freqs.weight .*not Llama 3/,
  ],
  ["another kind of tokenizer", { "tokenizer.ggml.model": "t5" }, tensors, /"t5".*gpt2, llama/],
  [
    "no tokenizer",
    { "tokenizer.ggml.model": undefined },
    tensors,
    /tokenizer.ggml.model is missing/,
  ],
  ["an unknown pre-tokenizer", { "tokenizer.ggml.pre": "x" }, tensors, /pre "x".*smollm/],
  ["a merge of one part", { "tokenizer.ggml.merges": ["ab"] }, tensors, /merges\[0\] "ab"/],
  [
    "an end token beyond the vocabulary",
    { "tokenizer.ggml.eos_token_id": 4 },
    tensors,
    /is 4, but/,
  ],
  [
    "scores that are missing",
    { "tokenizer.ggml.model": "llama", "tokenizer.ggml.merges": undefined },
    tensors,
    /scores has no entries for 4 tokens/,
  ],
  [
    "an unsupported quantisation",
    {},
    change("blk.0.ffn_up.weight", { type: 16 }),
    /tensor blk.0.ffn_up.weight .*IQ2_XXS; supported: F32/,
  ],
  [
    "an unknown quantisation",
    {},
    change("blk.0.ffn_up.weight", { type: 99 }),
    /tensor blk.0.ffn_up.weight .*number 99/,
  ],
  [
    "rows that are not whole blocks",
    {},
    change("blk.0.ffn_up.weight", { type: 2 }),
    /tensor blk.0.ffn_up.weight \[12, 8\].*Q4_0 blocks of 32/,
  ],
  [
    "a quantised norm",
    {},
    change("output_norm.weight", { shape: [32], type: 8 }),
    /tensor output_norm.weight is one row of Q8_0/,
  ],
  [
    "a tensor beyond the end",
    {},
    change("blk.0.ffn_up.weight", { offset: 64_000 }),
    /tensor blk.0.ffn_up.weight needs bytes .* truncated/,
  ],
  [
    "a tensor of another shape",
    {},
    change("blk.0.attn_q.weight", { shape: [8, 4] }),
    /tensor blk.0.attn_q.weight is \[8, 4\].*\[8, 8\]/,
  ],
  [
    "a tensor too many",
    {},
    [...tensors, { name: "blk.1.attn_norm.weight", shape: [8] }],
    /tensor blk.1.attn_norm.weight .*no such tensor/,
  ],
  [
    "a tensor no Llama has",
    {},
    [...tensors, { name: "blk.0.attn_q_norm.weight", shape: [8] }],
    /tensor blk.0.attn_q_norm.weight is not part of a llama model/,
  ],
  ["a missing tensor", {}, tensors.slice(0, -1), /model.layers.0.mlp.down_proj.weight.*is missing/],
  ["a tensor that comes twice", {}, [...tensors, tensors[0]!], /token_embd.weight comes twice/],
];

for (const [what, changes, withTensors, message] of refusals) {
  test(`${what} is refused in one line that names it, and leaves nothing`, async () => {
    const all = Object.entries({ ...metadata, ...changes });
    const kept = all.filter((entry): entry is [string, Value] => entry[1] !== undefined);
    await writeGguf(file, Object.fromEntries(kept), withTensors);
    await assertRefused(message);
  });
}

test("another kind of file, another version and an empty file are refused", async () => {
  await writeFile(file, "PK\u0003\u0004 and more");
  await assertRefused(/starts with "PK/);
  const old = Buffer.from(golden);
  old.writeUInt32LE(1, 4);
  await writeFile(file, old);
  await assertRefused(/version 1 is not supported/);
  old.writeUInt32BE(3, 4);
  await writeFile(file, old);
  await assertRefused(/big-endian/);
  await writeFile(file, "");
  await assertRefused(/ends at byte 0/);
});

test("a file cut anywhere is refused as truncated", async () => {
  for (let length = 4; length < golden.length; length += 1 + Math.floor(length / 7)) {
    await writeFile(file, golden.subarray(0, length));
    await assertRefused(/truncated/);
  }
});

test("a header with any bytes changed is read or refused, never more", async () => {
  const { tensors: table } = await readGgufHeader(
    fileURLToPath(new URL("../golden/gguf/byte-level.gguf", import.meta.url)),
  );
  const dataStart = Math.min(...[...table.values()].map(({ byteOffset }) => byteOffset));
  const flip = fc.tuple(fc.nat(dataStart - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
      const bytes = Buffer.from(golden);
      for (const [at, value] of flips) bytes[at] = value;
      await writeFile(file, bytes);
      const own = path.join(scratch, "flipped");
      await importGguf(file, { cacheDir: own }).catch((error: unknown) => {
        if (!(error instanceof InputError)) throw error;
      });
      await rm(own, { recursive: true, force: true });
    }),
    { numRuns: 150, seed: 20 },
  );
});

test("a header longer than the first read is read whole", async () => {
  const tokens = Array.from({ length: 5000 }, (_, i) => `${i}`.padEnd(1000, "é"));
  await writeGguf(file, { ...metadata, "tokenizer.ggml.tokens": tokens }, tensors);
  const header = await readGgufHeader(file);
  assert.deepEqual(header.metadata.get("tokenizer.ggml.tokens"), tokens);
  assert.equal(header.tensors.size, tensors.length);
});
