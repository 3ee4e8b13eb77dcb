/** mergekit's configuration as its pydantic models read it, and what is refused here that they pass over. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { mergeConfigSchema, methodNameSchema } from "../../src/protocol/merge-config.ts";
import { METHOD_NAMES } from "../../src/protocol/merge-methods.ts";
import { issueText } from "../../src/util/json.ts";

const CASES = path.join(import.meta.dirname, "../golden/mergekit/cases");
const TIES = { merge_method: "ties", base_model: "base" };

const read = (config: object) => mergeConfigSchema.parse({ ...TIES, ...config });
/** What the whole file's parameter is read as. */
const parameter = (name: string, value: unknown): unknown =>
  (read({ parameters: { [name]: value } }).parameters as Record<string, unknown>)[name];

function refusal(config: object): string {
  const { error } = mergeConfigSchema.safeParse({ ...TIES, ...config });
  assert.ok(error, JSON.stringify(config));
  return issueText(error);
}

test("every file that mergekit has merged for us is taken", () => {
  // Keys that hold anchors, and null for what is left out, merge/models/mergekit-yaml.ts takes out before.
  const plain = readdirSync(CASES).filter((one) => one !== "holders.yml" && one !== "modules.yml");
  for (const file of plain) {
    const yaml = parse(readFileSync(path.join(CASES, file), "utf8"), { merge: true }) as object;
    const { error } = mergeConfigSchema.safeParse(yaml);
    assert.equal(error && issueText(error), undefined, file);
  }
});

test("a method is named with - or with _", () => {
  for (const name of METHOD_NAMES) {
    assert.equal(methodNameSchema.parse(name), name);
    assert.equal(methodNameSchema.parse(name.replaceAll("-", "_")), name);
  }
  for (const other of ["TIES", "ties ", "", 3, null]) {
    assert.equal(methodNameSchema.safeParse(other).success, false, String(other));
  }
});

test("numbers may be texts or booleans, as pydantic's floats may", () => {
  for (const [written, value] of [
    ["0.5", 0.5],
    ["4e-1", 0.4],
    [" 2 ", 2],
    [true, 1],
    [false, 0],
    [-0.25, -0.25],
  ] as const) {
    assert.equal(parameter("weight", written), value, JSON.stringify(written));
  }
  for (const other of ["", " ", "half", null, {}, NaN, Infinity]) {
    assert.match(
      refusal({ parameters: { weight: other } }),
      /^parameters\.weight: expected a number/,
    );
  }
});

test("switches are read by pydantic's own list of words", () => {
  // pydantic-core, validators/bool.rs and input/shared.rs: str_as_bool.
  for (const word of ["1", "true", "t", "yes", "y", "on", "On", "TRUE", 1, true, "Y"]) {
    assert.equal(parameter("normalize", word), true, String(word));
  }
  for (const word of ["0", "false", "f", "no", "n", "off", "oFF", "False", 0, false, "N"]) {
    assert.equal(parameter("normalize", word), false, String(word));
  }
  for (const other of ["ja", "", "truee", " on", 2, -1, null]) {
    assert.match(refusal({ parameters: { normalize: other } }), /^parameters\.normalize: /);
  }
});

test("a setting is a number, a list over the layers, a condition, or a list of conditions", () => {
  assert.deepEqual(parameter("density", [0, "0.5", 1]), [0, 0.5, 1]);
  assert.deepEqual(parameter("density", { filter: "mlp", value: 0.5 }), {
    filter: "mlp",
    value: 0.5,
  });
  assert.deepEqual(parameter("density", [{ filter: "mlp", value: [0, 1] }, { value: "0.25" }]), [
    { filter: "mlp", value: [0, 1] },
    { value: 0.25 },
  ]);
  assert.match(refusal({ parameters: { density: { filter: "", value: 1 } } }), /density\.filter: /);
  assert.match(refusal({ parameters: { density: { filters: "a", value: 1 } } }), /"filters"$/);
  const wrong = [{ filter: "mlp" }, [[1]], null, [{ value: 1 }, 1]];
  for (const other of wrong) {
    assert.match(
      refusal({ parameters: { density: other } }),
      /^parameters\.density: expected a number, a list of numbers \(over the layers\) or a list of/,
    );
  }
});

test("a model is a text, or mergekit's long form of it", () => {
  const model = (value: unknown) => read({ models: [{ model: value }] }).models?.[0]?.model;
  assert.equal(model("org/name@main+org/lora"), "org/name@main+org/lora");
  assert.equal(model({ model: "org/name" }), "org/name");
  assert.equal(model({ model: { path: "org/name" } }), "org/name");
  assert.equal(model({ model: { path: "org/name", revision: "v2" } }), "org/name@v2");
  // mergekit's ModelReference.__str__: model, then + and the adapter.
  assert.equal(model({ model: { path: "m", revision: "v2" }, lora: { path: "l" } }), "m@v2+l");
  assert.equal(model({ model: "m", lora: { path: "l", revision: "r" } }), "m+l@r");
  assert.match(refusal({ models: [{ model: "" }] }), /^models\.0\.model: /);
  for (const other of [3, { path: "m" }, { model: "m", lora: "" }, { model: {} }, null]) {
    assert.match(
      refusal({ models: [{ model: other }] }),
      /^models\.0\.model: expected a model's folder/,
    );
  }
});

test("the long and the short form of any reference are one", () => {
  const name = fc.stringMatching(/^[a-z]{1,5}(?:\/[a-z0-9.-]{1,8})?$/);
  const part = fc.record({ path: name, revision: name }, { requiredKeys: ["path"] });
  const short = ({ path: folder, revision }: { path: string; revision?: string }): string =>
    folder + (revision === undefined ? "" : `@${revision}`);
  fc.assert(
    fc.property(part, fc.option(part, { nil: undefined }), (model, lora) => {
      const long = { model, ...(lora && { lora }) };
      const text = short(model) + (lora ? `+${short(lora)}` : "");
      assert.equal(read({ base_model: long }).base_model, read({ base_model: text }).base_model);
    }),
    { seed: 50, numRuns: 100 },
  );
});

test("a slice's layers are two whole numbers", () => {
  const slice = (range: unknown) => ({
    slices: [{ sources: [{ model: "m", layer_range: range }] }],
  });
  assert.deepEqual(read(slice(["0", 4])).slices?.[0]?.sources[0]?.layer_range, [0, 4]);
  for (const range of [[0], [0, 1, 2], [0.5, 2], []]) {
    assert.match(
      refusal(slice(range)),
      /^slices\.0\.sources\.0\.layer_range: expected two whole numbers, \[first, end\]/,
    );
  }
  assert.match(refusal({ slices: [] }), /^slices: /);
  assert.match(refusal({ slices: [{ sources: [] }] }), /^slices\.0\.sources: /);
});

test("a key that mergekit would pass over is refused where it stands", () => {
  assert.match(refusal({ densty: 1 }), /"densty"/);
  assert.match(refusal({ parameters: { densty: 1 } }), /^parameters: .*"densty"/);
  assert.match(
    refusal({ models: [{ model: "m", parameters: { wieght: 1 } }] }),
    /^models\.0\.parameters: .*"wieght"/,
  );
  assert.match(refusal({ modules: { vision: {} } }), /^modules: .*"vision"/);
});

test("element types are transformers' names, with or without torch's", () => {
  for (const name of ["float64", "float32", "float16", "bfloat16"] as const) {
    assert.equal(read({ dtype: name }).dtype, name);
    assert.equal(read({ out_dtype: `torch.${name}` }).out_dtype, name);
  }
  for (const other of ["fp16", "int8", "torch", "torch.torch.float16"]) {
    assert.match(refusal({ dtype: other }), /^dtype: /);
  }
});

test("a tokenizer without a source is the union, and its tokens come from a model, from nothing or from another token", () => {
  const tokens = {
    "<a>": { source: { kind: "zero" } },
    "<b>": { source: { kind: "model_token", model: { model: "m" }, token_id: 3 }, force: "yes" },
    "<c>": { source: "m" },
  };
  const { tokenizer } = read({ tokenizer: { tokens, pad_to_multiple_of: "64" } });
  assert.deepEqual(tokenizer, {
    source: "union",
    tokens: {
      ...tokens,
      "<b>": { source: { kind: "model_token", model: "m", token_id: 3 }, force: true },
    },
    pad_to_multiple_of: 64,
  });
  assert.match(
    refusal({ tokenizer: { pad_to_multiple_of: 0 } }),
    /^tokenizer\.pad_to_multiple_of: /,
  );
  assert.match(
    refusal({ tokenizer: { tokens: { "<a>": { source: { kind: "one" } } } } }),
    /^tokenizer\.tokens\.<a>\.source: expected a model, \{kind: zero\} or/,
  );
});
