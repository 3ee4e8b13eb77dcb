import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { type PeftLoraConfig, readPeftAdapter } from "../../../src/adapter-files/peft/adapter.ts";
import { peftLoraScale } from "../../../src/adapter-files/peft/config.ts";
import { writePeftFolder } from "../../../src/adapter-files/peft/write-folder.ts";
import { readTensor } from "../../../src/tensors/safetensors.ts";
import { safetensorsBytes } from "../../tensors/bytes.ts";
import { refuses } from "../../support/refuses.ts";

const golden = path.join(import.meta.dirname, "../../golden/peft");
let dir: string;
let count = 0;
before(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-peft-"));
});
after(() => rm(dir, { recursive: true }));

const STEM = "base_model.model.model.layers.0.self_attn.q_proj";
const Q = { [`${STEM}.lora_A.weight`]: [2, 8], [`${STEM}.lora_B.weight`]: [8, 2] };
const PLAIN = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"] };

/** An adapter of zeros with tensors of these shapes. */
async function adapter(config: unknown, shapes: Record<string, number[]> = Q, dtype = "F32") {
  const folder = path.join(dir, `adapter-${count++}`);
  await mkdir(folder);
  let offset = 0;
  const header = Object.entries(shapes).map(([name, shape]) => {
    const start = offset;
    offset += shape.reduce((a, b) => a * b, dtype === "F32" ? 4 : 1);
    return [name, { dtype, shape, data_offsets: [start, offset] }];
  });
  const bytes = safetensorsBytes(Object.fromEntries(header), new Uint8Array(offset));
  await writeFile(path.join(folder, "adapter_model.safetensors"), bytes);
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(path.join(folder, "adapter_config.json"), text);
  return folder;
}

suite("an adapter that PEFT saved and Retune does not compute", () => {
  const cases: Record<string, RegExp> = {
    "lora-bias": /lora_bias is true/,
    alora: /alora_invocation_tokens is \[1,2\]/,
    pissa: /init_lora_weights is "pissa", which changes the base.*path_initial_model_for_weight/,
    "target-parameters": /target_parameters is \["q_proj\.weight"\]/,
    ia3: /peft_type is "IA3", expected "LORA"/,
    "prompt-tuning": /peft_type is "PROMPT_TUNING", expected "LORA"/,
    conv1d: /fan_in_fan_out is true/,
    named: /has no adapter_config\.json, but its subfolder support has: give that one/,
  };
  for (const [name, message] of Object.entries(cases)) {
    test(`is refused: ${name}`, () => refuses(readPeftAdapter(path.join(golden, name)), message));
  }
});

suite("a plain LoRA adapter", () => {
  test("is read under a name, with a regular expression for targets", async () => {
    const { modules } = await readPeftAdapter(path.join(golden, "named/support"));
    assert.deepEqual(
      modules.map((each) => each.path),
      ["model.layers.0.self_attn.q_proj"],
    );
    const regex = await readPeftAdapter(path.join(golden, "regex"));
    assert.equal(regex.config.target_modules, ".*\\.(q|o)_proj");
    assert.equal(regex.modules.length, 2);
  });

  test("keeps apart the copy of the head that PEFT saves beside its factors", async () => {
    const { modules, extras } = await readPeftAdapter(path.join(golden, "head-copy"));
    assert.deepEqual(
      extras.copies.map(({ name }) => name),
      ["lm_head.weight"],
    );
    assert.deepEqual(modules.map((each) => each.path).toSorted(), [
      "lm_head",
      "model.layers.0.self_attn.q_proj",
    ]);
  });

  // What PEFT 0.2, 0.5, 0.10 and 0.14 added to a config, and what a later one may.
  const versions: Record<string, object> = {
    "0.2": { enable_lora: null, merge_weights: false, fan_in_fan_out: false, bias: "none" },
    "0.5": { auto_mapping: null, init_lora_weights: true, layers_pattern: null, revision: null },
    "0.10": {
      alpha_pattern: {},
      rank_pattern: {},
      loftq_config: {},
      layer_replication: null,
      use_rslora: false,
      megatron_core: "megatron.core",
    },
    "0.14": { eva_config: null, exclude_modules: null, lora_bias: false, use_dora: false },
    "of tomorrow": { some_config: { deep: [1] }, peft_version: "9.0" },
    "with nulls": {
      lora_dropout: null,
      use_rslora: null,
      rank_pattern: null,
      alpha_pattern: null,
      modules_to_save: null,
      bias: null,
      target_modules: null,
      fan_in_fan_out: null,
    },
  };
  for (const [version, keys] of Object.entries(versions)) {
    test(`is read with the keys of PEFT ${version}`, async () => {
      const { config, modules } = await readPeftAdapter(await adapter({ ...PLAIN, ...keys }));
      assert.deepEqual([config.lora_dropout, config.use_rslora], [0, false]);
      assert.equal(modules[0]?.scale, 2);
    });
  }
});

suite("a broken adapter", () => {
  const A = `${STEM}.lora_A.weight`;
  const B = `${STEM}.lora_B.weight`;

  test("without one of two factors is refused", async () => {
    await refuses(readPeftAdapter(await adapter(PLAIN, { [A]: [2, 8] })), /lora_B\.weight is miss/);
    await refuses(readPeftAdapter(await adapter(PLAIN, { [B]: [8, 2] })), /lora_A\.weight is miss/);
    await refuses(readPeftAdapter(await adapter(PLAIN, {})), /no lora_A and lora_B/);
  });

  test("whose factors are not of the stated rank is refused", async () => {
    const shapes = { [A]: [3, 8], [B]: [8, 2] };
    await refuses(readPeftAdapter(await adapter(PLAIN, shapes)), /A\.weight is \[3, 8\].*rank 2/);
    const swapped = { [A]: [2, 8], [B]: [2, 8] };
    await refuses(readPeftAdapter(await adapter(PLAIN, swapped)), /B\.weight is \[2, 8\].*rank 2/);
    const patterned = { ...PLAIN, rank_pattern: { q_proj: 4 } };
    await refuses(readPeftAdapter(await adapter(patterned)), /A\.weight is \[2, 8\].*rank 4/);
  });

  test("of a convolution or of whole numbers is refused", async () => {
    const conv = { [A]: [2, 8, 3, 3], [B]: [8, 2, 1, 1] };
    await refuses(readPeftAdapter(await adapter(PLAIN, conv)), /only adapters of linear layers/);
    await refuses(readPeftAdapter(await adapter(PLAIN, Q, "I8")), /is I8, expected F32/);
  });

  test("with a tensor that is of another kind is refused by its name", async () => {
    for (const name of [
      `${STEM}.lora_magnitude_vector`,
      `${STEM}.lora_B.bias`,
      "prompt_embeddings",
    ]) {
      await refuses(
        readPeftAdapter(await adapter(PLAIN, { ...Q, [name]: [8] })),
        /is no part of a/,
      );
    }
  });

  test("with a wrong config is refused by the key", async () => {
    const cases: [unknown, RegExp][] = [
      [{ ...PLAIN, r: 0 }, /: r: /],
      [{ ...PLAIN, r: "8" }, /: r: /],
      [{ ...PLAIN, lora_alpha: undefined }, /: lora_alpha: /],
      [
        { ...PLAIN, use_newlora: true },
        /: use_newlora is true, a variant of LoRA that Retune does/,
      ],
      [{ ...PLAIN, bias: "some" }, /bias is "some", expected "none", "all" or "lora_only"/],
      [{ ...PLAIN, rank_pattern: { q_proj: 1.5 } }, /: rank_pattern\.q_proj: /],
      [{ ...PLAIN, alpha_pattern: { "(": 1 } }, /pattern "\(" is not a regular expression/],
      [{ r: 2 }, /has no peft_type/],
      ["[]", /expected an object/],
      ["{\n", /:2:1: not valid JSON/],
    ];
    for (const [config, message] of cases) {
      await refuses(readPeftAdapter(await adapter(config)), message);
    }
  });

  test("with weights as a pickle only is refused, and an empty folder is", async () => {
    const folder = await adapter(PLAIN);
    const weights = path.join(folder, "adapter_model.safetensors");
    await rename(weights, path.join(folder, "adapter_model.bin"));
    await refuses(readPeftAdapter(folder), /adapter_model\.bin only, a pickle.*save it again/);
    await rm(path.join(folder, "adapter_model.bin"));
    await refuses(readPeftAdapter(folder), /adapter_model\.safetensors does not exist/);
    await refuses(readPeftAdapter(path.join(dir, "none")), /has no adapter_config\.json/);
  });
});

suite("the scale of a module", () => {
  const config = (more: object) => ({ ...PLAIN, lora_dropout: 0, use_rslora: false, ...more });
  const scale = (more: object, module: string) =>
    peftLoraScale(config(more) as PeftLoraConfig, module, 4);

  test("is alpha / r, or alpha / √r with rsLoRA", () => {
    assert.equal(scale({ lora_alpha: 8 }, "a.q_proj"), 2);
    assert.equal(scale({ lora_alpha: 8, use_rslora: true }, "a.q_proj"), 4);
  });

  test("takes the first pattern that matches the path's end from a dot on", () => {
    const patterns = (alpha_pattern: object) => ({ lora_alpha: 8, alpha_pattern });
    assert.equal(scale(patterns({ proj: 4 }), "a.q_proj"), 2);
    assert.equal(scale(patterns({ q_proj: 4 }), "a.q_proj"), 1);
    assert.equal(scale(patterns({ q_proj: 4, "a.q_proj": 12 }), "a.q_proj"), 1);
    assert.equal(scale(patterns({ ".*_proj": 4 }), "a.q_proj"), 1);
    assert.equal(scale(patterns({ "layers\\.[01]\\..*": 4 }), "model.layers.1.q"), 1);
    assert.equal(scale(patterns({ "^model.layers.0.q_proj": 4 }), "model.layers.0.q_proj"), 1);
    assert.equal(scale(patterns({ "^layers.0.q_proj": 4 }), "model.layers.0.q_proj"), 2);
    assert.equal(scale(patterns({ "x|q_proj": 4 }), "a.q_proj"), 1);
  });
});

suite("writing an adapter", () => {
  const tensors = Object.entries(Q).map(([name, shape]) => ({
    name,
    dtype: "F32" as const,
    shape,
    data: new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => i).buffer),
  }));
  const config: PeftLoraConfig = {
    ...PLAIN,
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: "org/base",
    lora_dropout: 0.1,
    use_rslora: false,
    use_dora: false,
    rank_pattern: { z: 2, a: 2 },
  };

  test("sorts keys as PEFT does, and writes a card that names base, library and method", async () => {
    const folder = path.join(dir, "written");
    await writePeftFolder(`${folder}/`, config, tensors);
    const names = ["README.md", "adapter_config.json", "adapter_model.safetensors"];
    assert.deepEqual((await readdir(folder)).toSorted(), names);
    const text = await readFile(path.join(folder, "adapter_config.json"), "utf8");
    const keys = [...text.matchAll(/^ {2}"(\w+)"/gm)].map(([, key]) => key);
    assert.deepEqual(keys, Object.keys(config).toSorted());
    assert.match(text, /"rank_pattern": {\n {4}"a": 2,\n {4}"z": 2\n {2}}/);
    const card = await readFile(path.join(folder, "README.md"), "utf8");
    assert.match(card, /^---\nbase_model: "org\/base"\nlibrary_name: peft\npipeline_tag: text-/);
    assert.match(card, /\ntags:\n- "base_model:adapter:org\/base"\n- lora\n/);
    const read = await readPeftAdapter(folder);
    assert.deepEqual(read.config, config);
    assert.deepEqual((await readTensor(read.modules[0]!.a))[15], 15);
  });

  test("writes again what PEFT wrote, byte for byte", async () => {
    const folder = path.join(dir, "again");
    await cp(path.join(golden, "regex"), folder, { recursive: true });
    const file = path.join(folder, "adapter_config.json");
    const before = await readFile(file, "utf8");
    const { config: read } = await readPeftAdapter(folder);
    await writePeftFolder(folder, read, tensors);
    const plain = (text: string) => text.replace('"lora_dropout": 0.0,', '"lora_dropout": 0,');
    assert.equal(plain(await readFile(file, "utf8")), plain(before));
  });

  test("leaves the earlier adapter when it fails", async () => {
    const folder = path.join(dir, "kept");
    await writePeftFolder(folder, config, tensors);
    const failing = [{ ...tensors[0]!, data: () => Promise.reject(new Error("gone")) }];
    await assert.rejects(writePeftFolder(folder, { ...config, r: 3 }, failing), /gone/);
    assert.equal((await readPeftAdapter(folder)).config.r, 2);
    assert(!(await readdir(dir)).some((name) => name.startsWith("kept.")));
  });
});
