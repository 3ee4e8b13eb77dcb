/** Which models' layers make which of the output, on models of names alone. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { MergeConfig } from "../../../src/protocol/merge-config.ts";
import { InputError } from "../../../src/util/errors.ts";
import type { OpenedModel } from "../../../src/merge/models/check-alike.ts";
import { type Slice, type Source, slicesOf } from "../../../src/merge/models/slices.ts";

const where = (keys: readonly PropertyKey[]): string => ["merge.yml", ...keys].join(" ");

function model(dir: string, layers: number): [string, OpenedModel] {
  const names = [
    "model.embed_tokens.weight",
    ...Array.from({ length: layers }, (_, i) => `model.layers.${i}.mlp.up_proj.weight`),
    "model.norm.weight",
  ];
  const tensors = new Map(
    names.map((name) => [
      name,
      {
        name,
        dtype: "F32",
        shape: [4],
        file: `${dir}/model.safetensors`,
        byteOffset: 0,
        byteLength: 16,
      } as const,
    ]),
  );
  return [dir, { dir, config: { model_type: "llama" }, tensors }];
}

const models = new Map([model("base", 12), model("a", 12), model("b", 12), model("small", 3)]);

const slices = (config: MergeConfig): Slice[] =>
  slicesOf({ config, where, models, seed: 0, vocabulary: undefined });
const refuses = (config: MergeConfig, message: string): void =>
  assert.throws(() => slices(config), new InputError(message));

const dirs = (sources: readonly Source[]): string[] => sources.map(({ model: { dir } }) => dir);
const two = [{ model: "a" }, { model: "b" }];

suite("models whole", () => {
  test("are one slice of all layers, counted by number and not by text", () => {
    const [slice, ...others] = slices({ merge_method: "linear", models: two });
    assert.deepEqual(others, []);
    // "11" is before "2" as text.
    assert.equal(slice!.layers, 12);
    assert.deepEqual(dirs(slice!.models), ["a", "b"]);
    assert.deepEqual(
      slice!.models.map(({ firstLayer }) => firstLayer),
      [0, 0],
    );
    assert.equal(slice!.base, undefined);
  });

  test("the base is apart, whether it is in the list or not, and wherever", () => {
    for (const list of [two, [{ model: "base" }, ...two], [two[0]!, { model: "base" }, two[1]!]]) {
      const [slice] = slices({ merge_method: "ties", base_model: "base", models: list });
      assert.equal(slice!.base!.model.dir, "base");
      assert.deepEqual(dirs(slice!.models), ["a", "b"]);
    }
  });

  test("a method without a base mixes it as one of the models, as mergekit does", () => {
    const [listed] = slices({ merge_method: "linear", base_model: "a", models: two });
    assert.deepEqual([listed!.base, dirs(listed!.models)], [undefined, ["a", "b"]]);
    const [added] = slices({ merge_method: "linear", base_model: "base", models: two });
    assert.deepEqual([added!.base, dirs(added!.models)], [undefined, ["a", "b", "base"]]);
  });

  test("places that say numbers go from the module's to the file's", () => {
    const parameters = { normalize: false };
    const [slice] = slices({
      merge_method: "linear",
      models: [{ model: "a", parameters: { weight: 2 } }, { model: "b" }],
      modules: { default: { parameters: { weight: 1 } } },
      parameters,
    });
    assert.deepEqual(slice!.models[0]!.scope, {
      parameters: { weight: 2 },
      keys: ["models", 0, "parameters"],
      isOfModel: true,
    });
    assert.deepEqual(slice!.shared, [
      { parameters: { weight: 1 }, keys: ["modules", "default", "parameters"] },
      { parameters, keys: ["parameters"] },
    ]);
  });
});

suite("slices", () => {
  const range = (name: string, from: number, end: number) => ({
    model: name,
    layer_range: [from, end] as [number, number],
  });

  test("follow one another, each with as many layers as its range has", () => {
    const found = slices({
      merge_method: "passthrough",
      slices: [{ sources: [range("a", 0, 8)] }, { sources: [range("b", 4, 12)] }],
    });
    assert.deepEqual(
      found.map(({ layers, models: [source] }) => [layers, source!.model.dir, source!.firstLayer]),
      [
        [8, "a", 0],
        [8, "b", 4],
      ],
    );
  });

  test("a slice's own base and numbers come before the file's", () => {
    const [own, files] = slices({
      merge_method: "slerp",
      base_model: "a",
      parameters: { t: 0.5 },
      slices: [
        {
          sources: [range("a", 0, 2), range("b", 3, 5)],
          base_model: "b",
          parameters: { t: 0.1 },
        },
        { sources: [range("a", 2, 4), range("b", 2, 4)] },
      ],
    });
    assert.deepEqual([own!.base!.model.dir, own!.base!.firstLayer], ["b", 3]);
    assert.deepEqual(dirs(own!.models), ["a"]);
    assert.deepEqual(own!.shared[0], { parameters: { t: 0.1 }, keys: ["slices", 0, "parameters"] });
    assert.equal(own!.shared.length, 3);
    assert.deepEqual([files!.base!.model.dir, dirs(files!.models)], ["a", ["b"]]);
    assert.deepEqual(files!.models[0]!.scope.keys, ["slices", 1, "sources", 1, "parameters"]);
  });

  for (const [name, from, end] of [
    ["a", 4, 13],
    ["a", 12, 13],
    ["a", 5, 5],
    ["a", 6, 5],
    ["small", 2, 4],
  ] as const) {
    test(`${name} has no layers [${from}, ${end}]`, () => {
      const count = name === "a" ? 12 : 3;
      refuses(
        { merge_method: "passthrough", slices: [{ sources: [range(name, from, end)] }] },
        `merge.yml slices 0 sources 0 layer_range: layer_range [${from}, ${end}] is not within the ${count} layers of ${name}; the last one possible is [${count - 1}, ${count}]`,
      );
    });
  }

  test("the last layer alone is within", () => {
    const [slice] = slices({
      merge_method: "passthrough",
      slices: [{ sources: [range("small", 2, 3)] }],
    });
    assert.deepEqual([slice!.layers, slice!.models[0]!.firstLayer], [1, 2]);
  });

  test("sources of one slice must be of one length", () => {
    refuses(
      {
        merge_method: "linear",
        slices: [{ sources: [range("a", 0, 2), range("b", 0, 3)] }],
      },
      "merge.yml slices 0: the sources of a slice have 2 and 3 layers; give all as many",
    );
  });

  test("the base's layers must be given too", () => {
    refuses(
      {
        merge_method: "ties",
        base_model: "base",
        slices: [{ sources: [range("a", 0, 2), range("b", 0, 2)] }],
      },
      "merge.yml slices 0: base_model is not among the sources of this slice; give its layers too",
    );
  });
});

suite("what does not fit the method", () => {
  test("models and slices, or neither", () => {
    const message = "merge.yml: give either models or slices";
    refuses({ merge_method: "linear" }, message);
    refuses(
      {
        merge_method: "linear",
        models: two,
        slices: [{ sources: [{ model: "a", layer_range: [0, 1] }] }],
      },
      message,
    );
  });

  test("a base that is needed and not named", () => {
    refuses(
      { merge_method: "ties", models: two },
      "merge.yml merge_method: ties needs a base: name it with base_model",
    );
  });

  for (const [config, message] of [
    [
      { merge_method: "slerp", base_model: "base", models: two },
      "slerp takes 1 model besides the base, 2 are given",
    ],
    [
      { merge_method: "slerp", base_model: "base", models: [{ model: "base" }] },
      "slerp takes 1 model besides the base, 0 are given",
    ],
    [{ merge_method: "nuslerp", models: [two[0]!] }, "nuslerp takes 2 models, 1 are given"],
    [
      { merge_method: "model-stock", base_model: "base", models: [two[0]!] },
      "model-stock takes 2 or more models besides the base, 1 are given",
    ],
    [{ merge_method: "passthrough", models: two }, "passthrough takes 1 model, 2 are given"],
  ] as const) {
    test(message, () => refuses(config as unknown as MergeConfig, `merge.yml models: ${message}`));
  }
});
