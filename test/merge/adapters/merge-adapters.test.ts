import assert from "node:assert/strict";
import { access, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import {
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { refuses } from "../../support/refuses.ts";
import { elementCount } from "../../../src/util/element-count.ts";

const golden = path.join(import.meta.dirname, "../../golden/merge");
const models = path.join(import.meta.dirname, "../../golden/models");
let dir: string;
let count = 0;

before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-merge-"));
});
after(() => rm(dir, { recursive: true }));

const fresh = () => path.join(dir, `out-${count++}`);

async function merge(base: string, ...adapters: string[]) {
  const lines: string[] = [];
  const outDir = fresh();
  const baseDir = path.join(golden, base);
  const adapterDirs = adapters.map((name) => path.join(baseDir, name));
  await mergeAdapters({ baseDir, adapterDirs, outDir, log: (line) => lines.push(line) });
  return { outDir, lines };
}

/** Largest difference in steps of a 16-bit type: adjacent values differ by one. */
async function stepsBetween(one: string, other: string): Promise<number> {
  const [a, b] = [await readModelWeights(one), (await readSafetensorsHeader(other)).tensors];
  assert.deepEqual([...a.keys()].toSorted(), [...b.keys()].toSorted());
  let most = 0;
  for (const [name, info] of a) {
    const expected = b.get(name)!;
    assert.equal(info.dtype, expected.dtype);
    const [x, y] = [await bits(info), await bits(expected)];
    x.forEach((value, i) => (most = Math.max(most, Math.abs(value - y[i]!))));
  }
  return most;
}

async function bits(info: Parameters<typeof readTensor>[0]): Promise<Int32Array> {
  const file = await readFile(info.file);
  return Int32Array.from({ length: info.byteLength / 2 }, (_, i) => {
    const word = file.readUInt16LE(info.byteOffset + 2 * i);
    return word & 0x8000 ? -(word & 0x7fff) : word;
  });
}

async function assertMerged(outDir: string, expectedFile: string) {
  const weights = await readModelWeights(outDir);
  const { tensors } = await readSafetensorsHeader(expectedFile);
  assert.deepEqual([...weights.keys()].toSorted(), [...tensors.keys()].toSorted());
  for (const [name, info] of tensors) {
    const actual = await readTensor(weights.get(name)!);
    assertClose(actual, await readTensor(info), { rtol: 0, atol: 1e-5 });
  }
}

suite("merging against PEFT's merge_and_unload", () => {
  test("equals it for a float32 base in two files", async () => {
    const { outDir } = await merge("sharded", "plain");
    await assertMerged(outDir, path.join(golden, "sharded/plain.safetensors"));
  });

  test("equals it with rsLoRA, rank and alpha patterns, and a copy of the head beside the factors", async () => {
    const { outDir } = await merge("sharded", "patterns");
    await assertMerged(outDir, path.join(golden, "sharded/patterns.safetensors"));
  });

  test("adds up two adapters", async () => {
    const { outDir } = await merge("sharded", "plain", "patterns");
    await assertMerged(outDir, path.join(golden, "sharded/both.safetensors"));
  });

  test("is within one step of float16", async () => {
    const { outDir } = await merge("half", "plain");
    assert((await stepsBetween(outDir, path.join(golden, "half/plain.safetensors"))) <= 1);
  });

  test("is within one step of bfloat16, and unties the head that an adapter changes", async () => {
    const { outDir, lines } = await merge("tied", "head");
    assert((await stepsBetween(outDir, path.join(golden, "tied/head.safetensors"))) <= 1);
    const config = JSON.parse(await readFile(path.join(outDir, "config.json"), "utf8"));
    assert.equal(config.tie_word_embeddings, false);
    assert(lines.some((line) => line.includes("written apart")));
    const base = await readModelWeights(path.join(golden, "tied"));
    const embedding = "model.embed_tokens.weight";
    const merged = (await readModelWeights(outDir)).get(embedding)!;
    assert.deepEqual(await readTensor(merged), await readTensor(base.get(embedding)!));
  });
});

suite("a merged folder", () => {
  test("has the base's files, their order and metadata, and a card", async () => {
    const { outDir, lines } = await merge("sharded", "plain");
    const base = path.join(golden, "sharded");
    assert.deepEqual((await readdir(outDir)).toSorted(), [
      "README.md",
      "config.json",
      "generation_config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    for (const file of ["config.json", "generation_config.json", "model.safetensors.index.json"]) {
      assert.equal(
        await readFile(path.join(outDir, file), "utf8"),
        await readFile(path.join(base, file), "utf8"),
      );
    }
    for (const shard of ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]) {
      const one = await readSafetensorsHeader(path.join(base, shard));
      const other = await readSafetensorsHeader(path.join(outDir, shard));
      assert.deepEqual([...other.tensors.keys()], [...one.tensors.keys()]);
      assert.deepEqual(other.metadata, one.metadata);
    }
    const card = await readFile(path.join(outDir, "README.md"), "utf8");
    assert.match(card, /^---\nbase_model: "sharded"\n/);
    assert.match(card, /\| plain \| LoRA \| 1 \| 4 \| 8 \| 2 \| 14 \|/);
    assert(!card.includes(golden));
    assert.equal(lines.length, 2);
  });

  test("takes tokenizer, template and code along, and no other weights", async () => {
    const baseDir = path.join(dir, "full-base");
    await cp(path.join(golden, "half"), baseDir, { recursive: true });
    const kept = [
      "tokenizer.json",
      "tokenizer.model",
      "chat_template.jinja",
      "merges.txt",
      "LICENSE",
    ];
    const left = [
      "pytorch_model.bin",
      "consolidated.00.pth",
      "optimizer.pt",
      "x.gguf",
      "README.md",
    ];
    for (const name of [...kept, ...left]) await writeFile(path.join(baseDir, name), name);
    await mkdir(path.join(baseDir, "additional_chat_templates"));
    await writeFile(path.join(baseDir, "additional_chat_templates/tools.jinja"), "{{ x }}");
    const outDir = fresh();
    await mergeAdapters({ baseDir, adapterDirs: [path.join(baseDir, "plain")], outDir });
    const names = await readdir(outDir);
    for (const name of kept) assert(names.includes(name), name);
    for (const name of left.slice(0, -1)) assert(!names.includes(name), name);
    assert((await readFile(path.join(outDir, "README.md"), "utf8")).includes("merged"));
    await access(path.join(outDir, "additional_chat_templates/tools.jinja"));
  });

  test("has an index that names an untied head", async () => {
    const baseDir = path.join(dir, "sharded-tied");
    const base = await readModelWeights(path.join(golden, "tied"));
    await mkdir(baseDir);
    const names = [...base.keys()];
    const map: Record<string, string> = {};
    for (const [i, part] of [names.slice(0, 5), names.slice(5)].entries()) {
      const file = `model-0000${i + 1}-of-00002.safetensors`;
      for (const name of part) map[name] = file;
      const tensors = part.map(async (name) => {
        const { dtype, shape, byteOffset, byteLength, file: from } = base.get(name)!;
        const data = (await readFile(from)).subarray(byteOffset, byteOffset + byteLength);
        return { name, dtype, shape, data };
      });
      await writeSafetensors(path.join(baseDir, file), await Promise.all(tensors));
    }
    await writeFile(
      path.join(baseDir, "model.safetensors.index.json"),
      JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }),
    );
    await cp(path.join(golden, "tied/config.json"), path.join(baseDir, "config.json"));
    const outDir = fresh();
    await mergeAdapters({ baseDir, adapterDirs: [path.join(golden, "tied/head")], outDir });
    assert((await stepsBetween(outDir, path.join(golden, "tied/head.safetensors"))) <= 1);
    const index = JSON.parse(
      await readFile(path.join(outDir, "model.safetensors.index.json"), "utf8"),
    );
    assert.match(index.weight_map["lm_head.weight"], /^model-0000[12]-of-00002\.safetensors$/);
    assert.equal(index.metadata.total_size, 2 * index.metadata.total_parameters);
  });
});

suite("a merge that must not happen", () => {
  const half = path.join(golden, "half");

  /** The adapter `half/plain` with its factors changed. */
  async function changed(name: string, edit: (tensor: string, values: Float32Array) => void) {
    const adapter = path.join(dir, name);
    await cp(path.join(half, "plain"), adapter, { recursive: true });
    const { tensors } = await readSafetensorsHeader(
      path.join(half, "plain/adapter_model.safetensors"),
    );
    const outputs = [...tensors.values()].map(async (info) => {
      const values = await readTensor(info);
      edit(info.name, values);
      const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      return { name: info.name, dtype: "F32" as const, shape: info.shape, data };
    });
    await writeSafetensors(
      path.join(adapter, "adapter_model.safetensors"),
      await Promise.all(outputs),
    );
    return adapter;
  }

  async function refusesMerge(adapter: string, message: RegExp, baseDir = half) {
    const outDir = fresh();
    await refuses(mergeAdapters({ baseDir, adapterDirs: [adapter], outDir }), message);
    const left = (await readdir(dir)).filter((name) => name.startsWith(path.basename(outDir)));
    assert.deepEqual(left, []);
  }

  test("names the float16 tensor that would overflow", async () => {
    const adapter = await changed("loud", (name, values) => {
      if (name.includes("layers.1.mlp.up_proj")) values.fill(500);
    });
    await refusesMerge(
      adapter,
      /^model\.layers\.1\.mlp\.up_proj\.weight: merging .*loud gives 2\d{6}.* F16 cannot hold; convert/,
    );
  });

  test("names the factor that holds NaN", async () => {
    const adapter = await changed("diverged", (name, values) => {
      if (name.includes("layers.0.self_attn.q_proj.lora_B")) values[3] = Number.NaN;
    });
    await refusesMerge(adapter, /tensor .*layers\.0\.self_attn\.q_proj\.lora_B\.weight holds NaN/);
  });

  test("warns of an adapter that changes nothing, and returns the base's values", async () => {
    const adapter = await changed("idle", (name, values) => {
      if (name.includes("lora_B")) values.fill(0);
    });
    const lines: string[] = [];
    const outDir = fresh();
    const log = (line: string) => lines.push(line);
    await mergeAdapters({ baseDir: half, adapterDirs: [adapter], outDir, log });
    assert(lines.some((line) => /idle changes nothing.*base unchanged/.test(line)));
    assert.equal(await stepsBetween(outDir, path.join(half, "model.safetensors")), 0);
  });

  test("names the tensor that another base lacks or has in another shape", async () => {
    await refusesMerge(
      path.join(models, "tied/adapter"),
      /the adapter changes model\.layers\.\d\.\S+ as \[\d+, \d+\], but .* \[\d+, \d+\]: the adapter was made for another base/,
    );
    const adapter = path.join(dir, "deep");
    await cp(path.join(half, "plain"), adapter, { recursive: true });
    const file = path.join(adapter, "adapter_model.safetensors");
    const text = await readFile(file, "latin1");
    await writeFile(file, text.replaceAll("layers.1", "layers.7"), "latin1");
    await refusesMerge(adapter, /for model\.layers\.7\.\S+, which .* does not have/);
  });

  test("refuses a copy of the head that is not the base's own", async () => {
    const baseDir = path.join(dir, "other-head");
    await cp(path.join(golden, "sharded"), baseDir, { recursive: true });
    const head = (await readModelWeights(baseDir)).get("lm_head.weight");
    assert(head);
    const bytes = await readFile(head.file);
    bytes.writeFloatLE(9, head.byteOffset);
    await writeFile(head.file, bytes);
    await refusesMerge(
      path.join(golden, "sharded/patterns"),
      /lm_head\.base_layer\.weight is PEFT's copy of the base's lm_head\.weight, but differs from/,
      baseDir,
    );
  });

  test("refuses a quantised base", async () => {
    const baseDir = path.join(dir, "quantised");
    await cp(half, baseDir, { recursive: true });
    const file = path.join(baseDir, "model.safetensors");
    const text = await readFile(file, "latin1");
    await writeFile(file, text.replaceAll(`"F16"`, `"I16"`), "latin1");
    await refusesMerge(
      path.join(half, "plain"),
      /is I16: merging needs a base that is not/,
      baseDir,
    );
  });

  test("refuses a base that says it is quantised, before its tensors are looked at", async () => {
    const baseDir = path.join(dir, "four-bit");
    await cp(half, baseDir, { recursive: true });
    const file = path.join(baseDir, "config.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    const quantised = { ...config, quantization_config: { quant_method: "bitsandbytes" } };
    await writeFile(file, JSON.stringify(quantised));
    await refusesMerge(
      path.join(half, "plain"),
      /config\.json: the model is quantised \(quantization_config: bitsandbytes\), and Retune needs/,
      baseDir,
    );
  });

  test("names both vocabularies where the adapter's is another", async () => {
    const baseDir = path.join(dir, "grown");
    await cp(path.join(golden, "sharded"), baseDir, { recursive: true });
    const weights = await readModelWeights(baseDir);
    const head = weights.get("lm_head.weight");
    assert(head);
    const inFile = [...weights.values()].filter(({ file }) => file === head.file);
    const outputs = inFile.map(async (info) => {
      const values = await readTensor(info);
      const rows = (info.shape[0] ?? 0) + (info === head ? 1 : 0);
      const shape = info === head ? [rows, info.shape[1] ?? 0] : info.shape;
      const grown = new Float32Array(elementCount(shape));
      grown.set(values);
      return { name: info.name, dtype: "F32" as const, shape, data: new Uint8Array(grown.buffer) };
    });
    await writeSafetensors(head.file, await Promise.all(outputs));
    const adapter = path.join(dir, "without-copy");
    await cp(path.join(golden, "sharded/patterns"), adapter, { recursive: true });
    const file = path.join(adapter, "adapter_model.safetensors");
    const { tensors } = await readSafetensorsHeader(file);
    const factors = [...tensors.values()].filter(({ name }) => !name.includes("base_layer"));
    const kept = factors.map(async ({ name, dtype, shape, ...at }) => {
      const bytes = await readFile(file);
      return {
        name,
        dtype,
        shape,
        data: bytes.subarray(at.byteOffset, at.byteOffset + at.byteLength),
      };
    });
    await writeSafetensors(file, await Promise.all(kept));
    await refusesMerge(
      adapter,
      /lm_head\.weight is for a vocabulary of 32, but in .* it is of 33: tokens were added/,
      baseDir,
    );
  });

  test("names the factor that is of no floating type", async () => {
    const adapter = path.join(dir, "whole-numbers");
    await cp(path.join(half, "plain"), adapter, { recursive: true });
    const file = path.join(adapter, "adapter_model.safetensors");
    const text = await readFile(file, "latin1");
    await writeFile(file, text.replaceAll(`"F32"`, `"I32"`), "latin1");
    await refusesMerge(adapter, /tensor .*lora_[AB]\.weight is I32, expected F32, F16 or BF16/);
  });

  test("refuses a place that is taken, a file, or inside what is merged", async () => {
    const base = path.join(dir, "place");
    await cp(half, base, { recursive: true });
    const options = { baseDir: base, adapterDirs: [path.join(base, "plain")] };
    const to = (outDir: string) => mergeAdapters({ ...options, outDir });
    await refuses(to(base), /is not empty/);
    await refuses(to(path.join(base, "config.json")), /is a file/);
    await refuses(to(path.join(base, "new/deep")), /is inside/);
    await mkdir(path.join(dir, "empty-out"));
    await to(path.join(dir, "empty-out"));
    await refuses(to(path.join(dir, "empty-out")), /is not empty/);
  });

  test("refuses no adapter and one adapter twice", async () => {
    const outDir = fresh();
    await refuses(mergeAdapters({ baseDir: half, adapterDirs: [], outDir }), /no adapter/);
    const adapter = path.join(half, "plain");
    await refuses(
      mergeAdapters({ baseDir: half, adapterDirs: [adapter, `${adapter}/`], outDir }),
      /given twice/,
    );
    const file = path.join(adapter, "adapter_model.safetensors");
    await refuses(
      mergeAdapters({ baseDir: half, adapterDirs: [adapter, file], outDir }),
      /given twice/,
    );
  });

  test("leaves nothing when it is cancelled", async () => {
    const outDir = fresh();
    const signal = AbortSignal.abort();
    const adapterDirs = [path.join(half, "plain")];
    await assert.rejects(mergeAdapters({ baseDir: half, adapterDirs, outDir, signal }), {
      name: "AbortError",
    });
    const left = (await readdir(dir)).filter((name) => name.startsWith(path.basename(outDir)));
    assert.deepEqual(left, []);
  });
});
