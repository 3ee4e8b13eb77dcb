/** Whether models can be mixed: by what transformers 4 and 5 write of the same model, and by their tokenizers. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { InputError } from "../../../src/util/errors.ts";
import type { DType } from "../../../src/tensors/dtype.ts";
import { readTensorBytes, writeSafetensors } from "../../../src/tensors/safetensors.ts";
import {
  type OpenedModel,
  configProblems,
  openModel,
  refuseProblems,
  ropeProblem,
  tensorProblem,
  tensorProblems,
  vocabularyOf,
  vocabularyProblems,
} from "../../../src/merge/models/check-alike.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";

const TINY = path.join(import.meta.dirname, "../../../samples/models/retune-tiny");
const GOLDEN = path.join(import.meta.dirname, "../../golden/mergekit");

function model(
  config: Record<string, unknown>,
  tensors: Record<string, readonly [DType, ...number[]]> = {},
  dir = "/models/one",
): OpenedModel {
  const infos = Object.entries(tensors).map(([name, [dtype, ...shape]]) => {
    const place = { file: `${dir}/model.safetensors`, byteOffset: 0, byteLength: 0 };
    return [name, { name, dtype, shape, ...place }] as const;
  });
  return { dir, config, tensors: new Map(infos) };
}

suite("a config", () => {
  const LLAMA = { model_type: "llama", num_attention_heads: 8, num_key_value_heads: 2 };

  test("is like itself, and like one that leaves out what has a default", () => {
    assert.deepEqual(configProblems(model(LLAMA), model(LLAMA)), []);
    assert.deepEqual(configProblems(model(LLAMA), model({ model_type: "llama" })), []);
    assert.deepEqual(
      configProblems(model({ ...LLAMA, num_key_value_heads: null }), model(LLAMA)),
      [],
    );
  });

  test("is unlike where its heads are others, or its labels, though shapes may be the same", () => {
    const other = { ...LLAMA, model_type: "qwen2", num_attention_heads: 4 };
    assert.deepEqual(configProblems(model(LLAMA), model(other)), [
      'model_type is "llama" and "qwen2"',
      "num_attention_heads is 8 and 4",
    ]);
    const labels = (one: string, other: string) => model({ id2label: { 0: one, 1: other } });
    assert.deepEqual(configProblems(labels("ham", "spam"), labels("ham", "spam")), []);
    assert.deepEqual(configProblems(labels("ham", "spam"), labels("spam", "ham")), [
      'id2label is {"0":"ham","1":"spam"} and {"0":"spam","1":"ham"}',
    ]);
  });
});

suite("positions", () => {
  const LLAMA_3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const same: [string, Record<string, unknown>, Record<string, unknown>][] = [
    [
      "transformers 4's and 5's",
      { rope_theta: 5e5 },
      { rope_parameters: { rope_theta: 5e5, rope_type: "default" } },
    ],
    ["said and left out", { rope_theta: 10_000, rope_scaling: null }, {}],
    [
      "with a scaling, in any order",
      { rope_theta: 5e5, rope_scaling: { rope_type: "llama3", ...LLAMA_3 } },
      {
        rope_parameters: {
          high_freq_factor: 4,
          factor: 8,
          low_freq_factor: 1,
          rope_theta: 5e5,
          rope_type: "llama3",
        },
      },
    ],
    [
      "with the older word for the type",
      { rope_scaling: { type: "linear", factor: 2 } },
      { rope_scaling: { rope_type: "linear", factor: 2 } },
    ],
  ];
  for (const [name, one, other] of same) {
    test(`are the same: ${name}`, () => {
      assert.equal(ropeProblem(model(one), model(other)), undefined);
      assert.equal(ropeProblem(model(other), model(one)), undefined);
    });
  }

  const different: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["another theta", { rope_theta: 1e6 }, { rope_parameters: { rope_theta: 5e5 } }],
    ["one of them the default", { rope_theta: 1e6 }, {}],
    [
      "another factor",
      { rope_scaling: { type: "linear", factor: 2 } },
      { rope_scaling: { type: "linear", factor: 4 } },
    ],
    [
      "another type",
      { rope_scaling: { type: "linear", factor: 2 } },
      { rope_scaling: { type: "dynamic", factor: 2 } },
    ],
  ];
  for (const [name, one, other] of different) {
    test(`differ: ${name}`, () =>
      assert.match(ropeProblem(model(one), model(other))!, /^rope is \{.*\} and \{.*\}$/u));
  }

  test("both are told", () => {
    assert.equal(
      ropeProblem(model({ rope_theta: 1e6 }), model({})),
      'rope is {"theta":1000000,"type":"default"} and {"theta":10000,"type":"default"}',
    );
  });
});

suite("tensors", () => {
  const pair = (a: readonly [DType, ...number[]], b: readonly [DType, ...number[]]) => {
    const [one, other] = [model({}, { w: a }), model({}, { w: b })];
    return tensorProblem(one.tensors.get("w")!, other.tensors.get("w")!);
  };

  test("of any float types mix; of other shapes, or integers, they don't", () => {
    assert.equal(pair(["F32", 2, 3], ["BF16", 2, 3]), undefined);
    assert.equal(pair(["F32", 2, 3], ["F32", 3, 2]), "tensor w is [2, 3] and [3, 2]");
    // As text without commas both would be "23".
    assert.equal(pair(["F32", 23], ["F32", 2, 3]), "tensor w is [23] and [2, 3]");
    assert.equal(pair(["I8", 2], ["F32", 2]), "tensor w is I8 and F32, expected F32, F16 or BF16");
    assert.equal(pair(["F32", 2], ["U8", 2]), "tensor w is F32 and U8, expected F32, F16 or BF16");
  });

  test("that one model has alone are told with its folder, free ones are not looked at", () => {
    const one = model({}, { both: ["F32", 2], mine: ["F32", 2], free: ["F32", 2] }, "/one");
    const other = model({}, { both: ["F32", 3], yours: ["F32", 2], free: ["F32", 9] }, "/other");
    assert.deepEqual(
      tensorProblems(one, other, (name) => name === "free"),
      [
        "tensor both is [2] and [3]",
        "tensor mine is in /one only",
        "tensor yours is in /other only",
      ],
    );
    assert.deepEqual(
      tensorProblems(one, one, () => false),
      [],
    );
  });

  test("of five problems all are told, of more the number", () => {
    const problems = ["p1", "p2", "p3", "p4", "p5", "p6", "p7"];
    const message = (count: number) => () =>
      refuseProblems("/one", "/other", problems.slice(0, count));
    assert.doesNotThrow(message(0));
    const five = "/one and /other can't be mixed: p1; p2; p3; p4; p5";
    assert.throws(message(5), new InputError(five));
    assert.throws(message(7), new InputError(`${five}; and 2 more`));
  });
});

suite("tokenizers", () => {
  function folder(t: TestContext, tokenizer?: unknown, spaces?: number): OpenedModel {
    const dir = tempDir(t);
    const text = JSON.stringify(tokenizer, undefined, spaces);
    if (tokenizer !== undefined) writeFileSync(path.join(dir, "tokenizer.json"), text);
    return model({}, {}, dir);
  }
  const bpe = (vocab: unknown, added: readonly unknown[] = []) => ({
    added_tokens: added,
    model: { vocab },
  });

  test("are alike as bytes, and as vocabularies where the bytes differ", async (t) => {
    const one = folder(t, bpe({ a: 0, b: 1 }));
    assert.deepEqual(await vocabularyProblems(one, folder(t, bpe({ a: 0, b: 1 }))), []);
    assert.deepEqual(await vocabularyProblems(one, folder(t, bpe({ b: 1, a: 0 }), 2)), []);
    assert.deepEqual(
      await vocabularyProblems(one, folder(t, bpe({ a: 0, b: 1 }, [{ id: 2, content: "<s>" }]))),
      [],
    );
    assert.deepEqual(
      await vocabularyProblems(one, folder(t)),
      [],
      "one without has nothing to say",
    );
  });

  test("differ in a token that is elsewhere or missing, or in their number", async (t) => {
    const one = folder(t, bpe({ a: 0, 'b"': 1 }));
    for (const [vocab, problem] of [
      [{ a: 0, 'b"': 2 }, String.raw`token "b\"" of tokenizer.json is 1 and 2`],
      [{ a: 0, c: 1 }, String.raw`token "b\"" of tokenizer.json is 1 and not there`],
      [{ a: 0, 'b"': 1, c: 2 }, "the vocabulary of tokenizer.json has 2 and 3 tokens"],
    ] as const) {
      assert.deepEqual(await vocabularyProblems(one, folder(t, bpe(vocab))), [problem]);
    }
  });

  test("of Unigram number their tokens by their place", async (t) => {
    const list = [
      ["<unk>", 0],
      ["▁a", -2.5],
    ];
    assert.deepEqual(
      [...vocabularyOf({ vocab: list })],
      [
        ["<unk>", 0],
        ["▁a", 1],
      ],
    );
    const same = bpe({ "<unk>": 0, "▁a": 1 });
    assert.deepEqual(await vocabularyProblems(folder(t, bpe(list)), folder(t, same)), []);
    assert.deepEqual([...vocabularyOf(undefined), ...vocabularyOf({})], []);
  });
});

suite("a model that is opened", () => {
  test("has all tensors of its folder, one file or several", async () => {
    for (const dir of [TINY, path.join(GOLDEN, "base"), path.join(GOLDEN, "tied")]) {
      const { tensors, config } = await openModel(dir);
      assert.equal(config["model_type"], "llama");
      const layers = new Set(
        [...tensors.keys()].flatMap((name) => /layers\.(\d+)/u.exec(name)?.[1] ?? []),
      );
      assert.equal(layers.size, config["num_hidden_layers"]);
    }
  });

  test("lacks what follows from its config, and its tie is that of the weights", async (t) => {
    const dir = path.join(tempDir(t), "old");
    mkdirSync(dir);
    const { tensors, config } = await openModel(path.join(GOLDEN, "tied"));
    cpSync(path.join(GOLDEN, "tied", "config.json"), path.join(dir, "config.json"));
    assert.equal(config["tie_word_embeddings"], true);
    const written = await Promise.all(
      [...tensors.values()].map(async (info) => ({ ...info, data: await readTensorBytes(info) })),
    );
    const embedding = written.find(({ name }) => name.endsWith("embed_tokens.weight"))!;
    const computed = {
      name: "model.layers.0.self_attn.rotary_emb.inv_freq",
      dtype: "F32" as const,
      shape: [2],
      data: new Uint8Array(8),
    };
    const head = {
      ...embedding,
      name: "lm_head.weight",
      data: embedding.data.map((byte) => byte ^ 1),
    };
    await writeSafetensors(path.join(dir, "model.safetensors"), [...written, computed, head], {});
    const opened = await openModel(dir);
    assert.deepEqual(
      [...opened.tensors.keys()].toSorted(),
      [...tensors.keys(), "lm_head.weight"].toSorted(),
    );
    assert.equal(opened.config["tie_word_embeddings"], false);
  });

  test("that others quantised is refused, for its codes can't be mixed", async (t) => {
    const dir = tempDir(t);
    writeFileSync(
      path.join(dir, "config.json"),
      JSON.stringify({
        model_type: "llama",
        quantization_config: { quant_method: "gptq", bits: 4 },
      }),
    );
    await refuses(openModel(dir), /gptq/iu);
  });
});
