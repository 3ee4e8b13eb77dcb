import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { foreignQuantisation } from "../../src/tensors/foreign-quantisation.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-quantised-"));
});
afterEach(() => rm(dir, { recursive: true }));

// As the tools write it into config.json.
const cases: [string, Record<string, unknown>, string][] = [
  [
    "bitsandbytes",
    {
      quantization_config: {
        quant_method: "bitsandbytes",
        load_in_4bit: true,
        load_in_8bit: false,
        bnb_4bit_quant_type: "nf4",
      },
    },
    "quantization_config: bitsandbytes, 4 bits",
  ],
  [
    "an old bitsandbytes",
    { quantization_config: { load_in_8bit: true } },
    "quantization_config: bitsandbytes, 8 bits",
  ],
  [
    "GPTQ",
    { quantization_config: { quant_method: "gptq", bits: 4, group_size: 128 } },
    "quantization_config: gptq, 4 bits",
  ],
  [
    "AWQ",
    { quantization_config: { quant_method: "awq", bits: 4, version: "gemm" } },
    "quantization_config: awq, 4 bits",
  ],
  [
    "fp8",
    { quantization_config: { quant_method: "fp8", weight_block_size: [128, 128] } },
    "quantization_config: fp8",
  ],
  [
    "compressed-tensors",
    { quantization_config: { quant_method: "compressed-tensors", format: "pack-quantized" } },
    "quantization_config: compressed-tensors",
  ],
  [
    "an old compressed-tensors",
    { compression_config: { format: "float-quantized" } },
    "compression_config: compression_config",
  ],
  ["mxfp4", { quantization_config: { quant_method: "mxfp4" } }, "quantization_config: mxfp4"],
  [
    "HQQ",
    { quantization_config: { quant_method: "hqq", quant_config: {} } },
    "quantization_config: hqq",
  ],
  [
    "EETQ",
    { quantization_config: { quant_method: "eetq", weights: "int8" } },
    "quantization_config: eetq",
  ],
  [
    "torchao",
    { quantization_config: { quant_method: "torchao", quant_type: {} } },
    "quantization_config: torchao",
  ],
  ["MLX", { quantization: { group_size: 64, bits: 4 } }, "quantization: mlx, 4 bits"],
];

for (const [statement, config, where] of cases) {
  test(`${statement} is told in one sentence`, async () => {
    assert.equal(
      await foreignQuantisation(dir, config),
      `${path.join(dir, "config.json")}: the model is quantised (${where}), and Retune needs weights in float32, float16 or bfloat16: use the model it was quantised from; a recipe's "quantization" stores a base in 8 or 4 bits while it is trained`,
    );
  });
}

test("a tool that kept it in a file of its own is told by that file", async () => {
  await writeFile(path.join(dir, "quantize_config.json"), "{}");
  assert.match(
    (await foreignQuantisation(dir, {})) ?? "",
    /quantize_config\.json: the model is quantised \(gptq\), and/,
  );
});

test("a model in full precision is none", async () => {
  assert.equal(
    await foreignQuantisation(dir, { torch_dtype: "float16", quantization_config: null }),
    undefined,
  );
});

test("the way out is the model that README.md names, else config.json's _name_or_path", async () => {
  const config = { quantization_config: { quant_method: "gptq" }, _name_or_path: "org/model" };
  assert.match(
    (await foreignQuantisation(dir, config)) ?? "",
    /: use org\/model, which its config\.json names/,
  );
  const cards = [
    "base_model: TinyLlama/TinyLlama-1.1B",
    "license: mit\nbase_model:\n  - TinyLlama/TinyLlama-1.1B\n",
    'base_model:\n- "TinyLlama/TinyLlama-1.1B"',
    "base_model: [TinyLlama/TinyLlama-1.1B]",
  ];
  for (const card of cards) {
    await writeFile(path.join(dir, "README.md"), `---\n${card}\n---\n# x`);
    assert.match(
      (await foreignQuantisation(dir, config)) ?? "",
      /: use TinyLlama\/TinyLlama-1\.1B, which its README\.md names as base_model;/,
    );
  }
});

test("a path of the machine where it was quantised is no way out", async () => {
  const config = { quantization_config: { quant_method: "awq" } };
  for (const name of ["/home/user/model", "./model", "../a/b"]) {
    assert.match(
      (await foreignQuantisation(dir, { ...config, _name_or_path: name })) ?? "",
      /: use the model it was quantised from;/,
    );
  }
});
