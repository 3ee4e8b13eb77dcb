import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { PeftConfig } from "../../../src/adapter-files/peft/any-config.ts";
import { type PeftExtras, checkFloat, sortExtras } from "../../../src/adapter-files/peft/extras.ts";
import { readPeftFolder } from "../../../src/adapter-files/peft/folder.ts";
import type { TensorInfo } from "../../../src/tensors/safetensors.ts";
import { peftShape } from "../../support/peft-shapes.ts";

function info(name: string, shape: readonly number[] = [2, 4], dtype: TensorInfo["dtype"] = "F32") {
  return { name, dtype, shape, file: "adapter.safetensors", byteOffset: 0, byteLength: 0 };
}

function sort(
  names: readonly (string | TensorInfo)[],
  more: Record<string, unknown> = {},
  method = "LoRA",
): PeftExtras {
  const infos = names.map((each) =>
    typeof each === "string" ? info(`base_model.model.${each}`) : each,
  );
  const config: PeftConfig = { peft_type: "LORA", ...more };
  return sortExtras(new Map(infos.map((each) => [each.name, each])), config, method);
}

/** What of a golden adapter is not LoRA's own. */
async function shapeOf(name: string): Promise<PeftExtras> {
  const { tensors, config } = await readPeftFolder(peftShape(name));
  const rest = [...tensors].filter(([key]) => !/\.lora_|\.ia3_l$/u.test(key));
  return sortExtras(new Map(rest), config, "LoRA");
}

suite("what PEFT saved beside its factors", () => {
  // Each is what make.py asked PEFT for: modules_to_save, bias, trainable_token_indices.
  const EMBEDDING = "model.embed_tokens.weight";
  const LAYER = "model.layers.1.";
  const wholes: [string, RegExp, number][] = [
    ["whole-embedding", /^model\.embed_tokens\.weight$/, 1],
    ["whole-head", /^lm_head\.weight$/, 1],
    ["whole-both", /^(model\.embed_tokens|lm_head)\.weight$/, 2],
    // Three matrices, each with its bias
    ["whole-mlp", /^model\.layers\.0\.mlp\.\w+_proj\.(weight|bias)$/, 6],
    // Four matrices of attention and three of the feed-forward part with their biases, two norms
    ["whole-layer", new RegExp(`^${LAYER.replaceAll(".", "\\.")}`), 16],
    // "norm" is the end of "input_layernorm" too: two in each of two layers, and the last one.
    ["ia3-whole", /norm\.weight$/, 5],
  ];
  for (const [name, expected, count] of wholes) {
    test(`is trained whole by the base's names: ${name}`, async () => {
      const { whole, rows, twins } = await shapeOf(name);
      for (const key of whole.keys()) assert.match(key, expected);
      assert.equal(whole.size, count);
      assert.deepEqual([rows.size, twins.length], [0, 0]);
    });
  }

  test("is rows of tokens, in the order of the config", async () => {
    const { rows } = await shapeOf("tokens");
    const [[name, { tokens, values }] = assert.fail("no rows"), ...others] = [...rows];
    assert.deepEqual([name, tokens, values.shape[0]], [EMBEDDING, [90, 3, 7], 3]);
    // PEFT saves a tied head's too.
    for (const [other, twin] of others) {
      assert.deepEqual([other, twin.tokens], ["lm_head.weight", [90, 3, 7]]);
    }
  });

  test("is rows of each of two tables that are apart", async () => {
    const { rows } = await shapeOf("tokens-apart");
    assert.deepEqual(Object.fromEntries([...rows].map(([name, { tokens }]) => [name, tokens])), {
      [EMBEDDING]: [3, 7],
      "lm_head.weight": [5],
    });
  });

  test("is copies of the base where the vocabulary grew", async () => {
    const { copies, whole } = await shapeOf("grown");
    assert.equal(whole.size, 0);
    assert(copies.some(({ name, copy }) => name === EMBEDDING && copy.shape[0] === 100));
  });

  test("is biases of the base's names", async () => {
    const { whole } = await shapeOf("bias-all");
    assert(whole.size > 0);
    for (const name of whole.keys()) assert.match(name, /\.bias$/);
    assert(![...whole.keys()].some((name) => name.includes("base_layer")));
  });

  test("keeps a tie where PEFT was told to", async () => {
    assert.equal((await shapeOf("kept-tie-whole")).ensuresTie, true);
    assert.equal((await shapeOf("whole-embedding")).ensuresTie, false);
  });
});

suite("a tensor beside the factors", () => {
  test("is named as PEFT looks for names: the path of a module around it ends so", () => {
    const whole = (modules: readonly string[]) => [
      ...sort(["model.layers.1.mlp.up_proj.weight"], { modules_to_save: modules }).whole.keys(),
    ];
    for (const name of ["up_proj", "mlp", "1.mlp", "layers.1", "model", "p"]) {
      assert.deepEqual(whole([name]), ["model.layers.1.mlp.up_proj.weight"], name);
    }
    for (const name of ["weight", "layers.0", "up", "mlp.down_proj"]) {
      assert.throws(() => whole([name]), /is no part of a LoRA adapter/, name);
    }
  });

  test("saved under the wrapper's name and the plain one is a twin", () => {
    const names = ["lm_head.weight", "lm_head.modules_to_save.weight"];
    const { whole, twins } = sort(names, { modules_to_save: ["lm_head"] });
    assert.deepEqual([...whole.keys()], ["lm_head.weight"]);
    assert.deepEqual(
      twins.map((pair) => pair.map(({ name }) => name)),
      [names.map((name) => `base_model.model.${name}`)],
    );
  });

  test("that a wrapper keeps of the base is a copy, whatever wraps it", () => {
    for (const inner of ["base_layer", "token_adapter.base_layer", "original_module"]) {
      const { copies } = sort([`model.layers.0.self_attn.q_proj.${inner}.weight`]);
      assert.deepEqual(
        copies.map(({ name }) => name),
        ["model.layers.0.self_attn.q_proj.weight"],
        inner,
      );
    }
  });

  test("that is a bias is trained only where the config says so", () => {
    const name = "model.layers.0.self_attn.q_proj.base_layer.bias";
    for (const bias of ["all", "lora_only"]) {
      assert.deepEqual(
        [...sort([name], { bias }).whole.keys()],
        ["model.layers.0.self_attn.q_proj.bias"],
      );
    }
    for (const bias of ["none", undefined, null]) {
      assert.throws(() => sort([name], { bias }), /tensor base_model\.model\..*bias is no part/);
    }
  });

  test("that is nothing PEFT saves is named, with the method and the way out", () => {
    const work = () => sort(["model.layers.0.self_attn.q_proj.weight"]);
    assert.throws(work, {
      name: "InputError",
      message:
        /^adapter\.safetensors: tensor base_model\.model\.model\.layers\.0\.self_attn\.q_proj\.weight is no part of a LoRA adapter .*merge_and_unload/,
    });
    assert.throws(
      () => sort([info("lora_A.weight")]),
      /tensor lora_A\.weight is no part of a LoRA/,
    );
    assert.throws(() => sort(["x.weight"], {}, "(IA)³"), /no part of a \(IA\)³ adapter/);
  });

  test("of whole numbers is refused by its name", () => {
    const bytes = info("base_model.model.lm_head.weight", [2, 4], "I8");
    const message = `adapter.safetensors: tensor ${bytes.name} is I8, expected F32, F16 or BF16`;
    assert.throws(() => sort([bytes]), { name: "InputError", message });
    assert.throws(() => checkFloat(bytes), { message });
    for (const dtype of ["F32", "F16", "BF16"] as const) checkFloat(info("w", [1], dtype));
  });
});

suite("rows of single tokens", () => {
  const NAME = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";
  const rows = (indices: unknown, shape: readonly number[] = [2, 4]) =>
    sort([info(NAME, shape)], { trainable_token_indices: indices }).rows;

  test("are by the module's name, or the only name, where the config has names", () => {
    for (const key of ["embed_tokens", "model.embed_tokens", "wte"]) {
      const found = rows({ [key]: [5, 1] }).get("model.embed_tokens.weight");
      assert.deepEqual(found?.tokens, [5, 1], key);
    }
  });

  test("are refused where there are not as many as tokens, or no such tokens", () => {
    for (const [indices, shown] of [
      [[1], "[1]"],
      [[1, 2, 3], "[1,2,3]"],
      [[1, 1], "[1,1]"],
      [[1, -2], "[1,-2]"],
      [[1, 2.5], "[1,2.5]"],
      [[1, "2"], '[1,"2"]'],
      [undefined, "null"],
      [null, "null"],
      [{}, "null"],
    ] as const) {
      assert.throws(() => rows(indices), {
        name: "InputError",
        message: `adapter.safetensors: tensor ${NAME} is [2, 4], but trainable_token_indices of adapter_config.json gives it ${shown}; there must be a row for each of its tokens`,
      });
    }
    assert.throws(() => rows([1, 2], [2]), /is \[2\], but/);
  });
});
