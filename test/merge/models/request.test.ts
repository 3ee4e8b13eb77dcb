/** Where a configuration names models: all of them are found, and all are mapped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MergeConfig, mergeConfigSchema } from "../../../src/protocol/merge-config.ts";
import { mapModels, modelsOf, namedModels } from "../../../src/merge/models/request.ts";

/** Names models in every place that there is, each by a name of its own. */
const config: MergeConfig = mergeConfigSchema.parse({
  merge_method: "ties",
  base_model: "m-base",
  models: [{ model: "m-one", parameters: { weight: 1 } }, { model: "m-two" }],
  slices: [
    {
      base_model: "m-slice-base",
      sources: [{ model: "m-source", layer_range: [0, 2], parameters: { weight: [0, 1] } }],
    },
    { sources: [{ model: "m-other-source", layer_range: [1, 2] }] },
  ],
  tokenizer: {
    source: "m-tokenizer",
    tokens: {
      "m-not-a-model": { source: "m-token" },
      zero: { source: { kind: "zero" }, force: true },
      copied: { source: { kind: "model_token", model: "m-copied", token: "m-text" } },
      open: {},
    },
    pad_to_multiple_of: 8,
  },
  chat_template: "m-template",
});

test("the merged models are those of the list, the slices and their bases", () => {
  assert.deepEqual(
    namedModels(config).map(([keys, model]) => [keys.join(" "), model]),
    [
      ["base_model", "m-base"],
      ["models 0 model", "m-one"],
      ["models 1 model", "m-two"],
      ["slices 0 base_model", "m-slice-base"],
      ["slices 0 sources 0 model", "m-source"],
      ["slices 1 sources 0 model", "m-other-source"],
    ],
  );
});

test("the keys lead to the name in the file", () => {
  for (const [keys, model] of namedModels(config)) {
    let at: unknown = config;
    for (const key of keys) at = (at as Record<PropertyKey, unknown>)[key];
    assert.equal(at, model);
  }
});

test("each model is opened once, in the order of its first place", () => {
  const again: MergeConfig = {
    merge_method: "linear",
    base_model: "b",
    models: [{ model: "a" }, { model: "b" }, { model: "a" }],
  };
  assert.deepEqual(modelsOf(again), ["b", "a"]);
  assert.deepEqual(modelsOf({ merge_method: "linear" }), []);
});

test("mapping changes every name of a model, and nothing else", () => {
  // By text: models are those whose name begins with "m-", but for three that only look so.
  const kept = ["m-not-a-model", "m-text", "m-template"];
  const text = JSON.stringify(config).replaceAll(/"(m-[a-z-]+)"/gu, (all, name: string) =>
    kept.includes(name) ? all : `"/abs/${name}"`,
  );
  assert.deepEqual(
    JSON.parse(JSON.stringify(mapModels(config, (name) => `/abs/${name}`))),
    JSON.parse(text),
  );
});

test("mapping to the same name gives the same configuration, and leaves the given one alone", () => {
  const before = JSON.stringify(config);
  assert.deepEqual(
    mapModels(config, (name) => name),
    config,
  );
  mapModels(config, () => "x");
  assert.equal(JSON.stringify(config), before);
});

test("base and union are no models, wherever a tokenizer comes from", () => {
  const refuse = (name: string): string => assert.fail(`${name} was mapped`);
  for (const word of ["base", "union"]) {
    const short: MergeConfig = { merge_method: "linear", tokenizer_source: word };
    assert.deepEqual(mapModels(short, refuse), short);
    const long: MergeConfig = { merge_method: "linear", tokenizer: { source: word } };
    assert.deepEqual(mapModels(long, refuse), long);
  }
  const named: MergeConfig = { merge_method: "linear", tokenizer_source: "unions" };
  assert.equal(mapModels(named, (name) => `/${name}`).tokenizer_source, "/unions");
});

test("what is left out stays left out", () => {
  const small: MergeConfig = { merge_method: "linear", models: [{ model: "a" }] };
  assert.deepEqual(Object.keys(mapModels(small, (name) => name)), ["merge_method", "models"]);
  const slice: MergeConfig = {
    merge_method: "passthrough",
    slices: [{ sources: [{ model: "a", layer_range: [0, 1] }] }],
  };
  assert.deepEqual(
    mapModels(slice, (name) => name),
    slice,
  );
});
