import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { summariseAdapter, summariseModel } from "../../src/cards/model-summary.ts";
import { ggufBytes } from "../tensors/bytes.ts";
import { refuses } from "../support/refuses.ts";

const golden = path.join(import.meta.dirname, "../golden/models");
let dir: string;

before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-summary-"));
});
after(() => rm(dir, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
  await writeFile(path.join(dir, name), content);
  return path.join(dir, name);
}

suite("summary of a Hugging Face folder", () => {
  test("counts a tied model's tensors as stored", async () => {
    const { tensors, ...rest } = await summariseModel(path.join(golden, "tied"));
    // 96·32 embedding, two layers of 2·32·32 + 2·16·32 + 3·48·32 + 2·32, one norm of 32
    const parameters = 96 * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 2 * 32) + 32;
    assert.deepEqual(rest, { modelType: "llama", parameters, dtype: "F32", bytes: 76392 });
    const embedding = tensors.find(({ name }) => name === "model.embed_tokens.weight");
    assert.deepEqual(embedding?.shape, [96, 32]);
    assert(!tensors.some(({ name }) => name === "lm_head.weight"));
  });

  test("adds up the shards of a sharded model", async () => {
    const { dtype, bytes, tensors } = await summariseModel(path.join(golden, "untied"));
    assert.deepEqual({ dtype, bytes }, { dtype: "BF16", bytes: 19904 + 20680 + 13424 });
    assert(tensors.some(({ name }) => name === "lm_head.weight"));
  });

  test("says that a folder has no config.json", async () => {
    await mkdir(path.join(dir, "empty"));
    await refuses(summariseModel(path.join(dir, "empty")), /empty has no config\.json$/);
  });

  test("says that a folder has a config but no weights", async () => {
    await file("bare/config.json", `{"model_type":"llama"}`);
    await refuses(
      summariseModel(path.join(dir, "bare")),
      /bare has neither model\.safetensors nor model\.safetensors\.index\.json/,
    );
  });

  test("quotes a broken config in one line", async () => {
    await file("broken/config.json", `{\n  "model_type": "llama",\n}\n`);
    await refuses(
      summariseModel(path.join(dir, "broken")),
      /config\.json:\d+:\d+: not valid JSON: /,
    );
  });

  test("asks for a model_type", async () => {
    await file("typeless/config.json", `{}`);
    await refuses(summariseModel(path.join(dir, "typeless")), /has no model_type/);
  });
});

suite("summary of a .gguf file", () => {
  const tensors = [
    { name: "token_embd.weight", shape: [32, 4], type: 8, bytes: 4 * 34 },
    { name: "output_norm.weight", shape: [32], type: 0, bytes: 128 },
  ];
  const metadata = { "general.architecture": "llama" };

  test("reads the header alone", async () => {
    const bytes = ggufBytes(metadata, tensors);
    assert.deepEqual(await summariseModel(await file("whole.gguf", bytes)), {
      modelType: "llama",
      parameters: 160,
      dtype: "Q8_0",
      bytes: bytes.length,
      tensors: [
        { name: "token_embd.weight", dtype: "Q8_0", shape: [4, 32] },
        { name: "output_norm.weight", dtype: "F32", shape: [32] },
      ],
    });
  });

  test("refuses a file that is something else, cut short, or a part", async () => {
    const bytes = ggufBytes(metadata, tensors);
    await refuses(summariseModel(await file("text.gguf", "hello")), /starts with "hell"/);
    for (const length of [0, 3, 20, 60, bytes.length - 1]) {
      await refuses(
        summariseModel(await file("cut.gguf", bytes.subarray(0, length))),
        /cut\.gguf: .*(truncated|starts with)/,
      );
    }
    const split = ggufBytes({ ...metadata, "split.count": 2 }, tensors);
    await refuses(summariseModel(await file("part.gguf", split)), /one of 2 parts; join them/);
    await refuses(
      summariseModel(await file("nameless.gguf", ggufBytes({}, tensors))),
      /general\.architecture/,
    );
    await refuses(summariseModel(path.join(dir, "none.gguf")), /none\.gguf does not exist/);
  });
});

suite("summary of an adapter", () => {
  test("tells a LoRA of llama.cpp's from a model", async () => {
    const bytes = ggufBytes(
      {
        "general.type": "adapter",
        "general.architecture": "llama",
        "adapter.type": "lora",
        "adapter.lora.alpha": 16,
        "general.base_model.0.name": "Tiny",
      },
      [
        { name: "blk.0.attn_q.weight.lora_a", shape: [32, 4], type: 0, bytes: 512 },
        { name: "blk.0.attn_q.weight.lora_b", shape: [4, 32], type: 0, bytes: 512 },
      ],
    );
    const adapter = await file("lora.gguf", bytes);
    assert.deepEqual(await summariseAdapter(adapter), {
      method: "LoRA for llama.cpp",
      rank: 4,
      alpha: 16,
      parameters: 256,
      bytes: bytes.length,
      base: "Tiny",
      targets: ["attn_q"],
    });
    await refuses(summariseModel(adapter), /is an adapter of llama\.cpp's .*no model/);
    const model = await file("model.gguf", ggufBytes({ "general.architecture": "llama" }, []));
    await refuses(summariseAdapter(model), /is a model, no adapter/);
  });

  test("reads what PEFT wrote", async () => {
    const summary = await summariseAdapter(path.join(golden, "untied/adapter"));
    assert.deepEqual(
      { ...summary, bytes: undefined },
      {
        method: "rsLoRA",
        rank: 3,
        alpha: 6,
        // q_proj [48, 32] and down_proj [32, 48] in two layers, lm_head [96, 32]
        parameters: 3 * (4 * (48 + 32) + (96 + 32)),
        bytes: undefined,
        base: "untied",
        targets: ["down_proj", "lm_head", "q_proj"],
      },
    );
    assert(summary.bytes > 0);
  });

  test("refuses a folder without weights", async () => {
    const from = path.join(golden, "tied/adapter/adapter_config.json");
    await mkdir(path.join(dir, "weightless"));
    await cp(from, path.join(dir, "weightless/adapter_config.json"));
    await refuses(summariseAdapter(path.join(dir, "weightless")), /adapter_model\.safetensors/);
  });
});
