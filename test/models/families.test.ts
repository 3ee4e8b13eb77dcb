// What of a family's config.json contradicts its tensors or isn't computed, and what is left out.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openBaseModel } from "../../src/models/base-model.ts";
import { goldenModel } from "../support/llama-golden.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const REFUSALS: [model: string, change: Record<string, unknown>, message: RegExp][] = [
  [
    "qwen2",
    { num_key_value_heads: 4 },
    /k_proj\.weight is \[20, 40\], but .*config\.json calls for \[40, 40\]/u,
  ],
  [
    "qwen2",
    { num_key_value_heads: undefined },
    /num_attention_heads 4 is not a multiple of num_key_value_heads 32/u,
  ],
  ["qwen2", { model_type: "llama" }, /has tensor .*q_proj\.bias, but .* calls for no such bias/u],
  ["qwen2", { hidden_act: "gelu" }, /hidden_act "gelu" is not supported, only "silu"/u],
  [
    "qwen2",
    { rope_parameters: { rope_type: "spiral" } },
    /rope type "spiral" is not supported; supported: default/u,
  ],
  ["qwen2", { use_sliding_window: true }, /use_sliding_window true is not supported/u],
  ["untied", { model_type: "qwen2", attention_bias: true }, /o_proj\.bias, but /u],
];

for (const [model, change, message] of REFUSALS) {
  test(`${model} with ${JSON.stringify(change, (_key, value: unknown) => value ?? "left out")} is refused: key, found and expected`, async (t) => {
    const dir = tempDir(t);
    cpSync(goldenModel(model), dir, { recursive: true });
    const file = path.join(dir, "config.json");
    const config = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...config, ...change }));
    await refuses(openBaseModel(dir), message);
  });
}
