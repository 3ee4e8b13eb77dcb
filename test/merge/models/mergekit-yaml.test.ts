/** mergekit's YAML as people write it: what is read, what is told, what is refused with its line. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { readMergeConfig } from "../../../src/merge/models/mergekit-yaml.ts";
import { mergeByMethod } from "../../../src/merge/models/merge-by-method.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes, writeSafetensors } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { mergeFolder } from "../../support/merge-folder.ts";
import { refuses } from "../../support/refuses.ts";
import { retune } from "../../support/retune.ts";

const { at, yaml, fresh, refused } = mergeFolder([
  "base",
  "a",
  "b",
  "c",
  "tied",
  "words",
  "speech",
]);

/** @returns the output's folder, and what was told */
async function merged(text: string): Promise<{ out: string; notes: string[] }> {
  const notes: string[] = [];
  const out = fresh();
  const request = { ...(await readMergeConfig(yaml(text))), seed: 0 };
  await mergeByMethod({ request, outDir: out, log: (line) => notes.push(line) });
  return { out, notes };
}

async function values(folder: string, tensor: string): Promise<Float32Array> {
  return readTensor((await readModelWeights(folder)).get(tensor)!);
}

test("what Retune does not know is named with file and line; what changes nothing is told", async () => {
  const models = "models: [{model: a}, {model: b}]\n";
  for (const [text, line, message] of [
    [
      `merge_method: ram\n${models}`,
      1,
      /merge_method "ram" is not supported; there are linear, sl/,
    ],
    [`merge_method:\n- linear\n${models}`, 1, /merge_method \["linear"\] is not supported/],
    [
      `merge_method: linear\nparameters: {weight: 1}\n${models}chat_template: llama3\n`,
      4,
      /chat_template "llama3" is not/,
    ],
    [`merge_method: linear\n${models}weigths: 1\n`, 3, /key "weigths" is not supported; there are/],
    [
      `merge_method: linear\n${models}parameters:\n  weigth: 1\n`,
      4,
      /"parameters.weigth" is n.*there are weight/,
    ],
    [
      "merge_method: linear\nmodules: {vision: {}}\n",
      2,
      /"modules.vision" is not supported; .* default/,
    ],
    [`merge_method: linear\n${models}parameters:\n  weight: {x: 1}\n`, 4, /expected a number, a l/],
    [`merge_method: linear\n${models}parameters:\n  weight: half\n`, 4, /expected a number, a l/],
    [`merge_method: linear\n${models}parameters:\n  normalize: 2\n`, 4, /true or false for a sw/],
    [`merge_method: linear\n${models}dtype: int8\n`, 3, /dtype: Invalid option/],
    [
      "merge_method: linear\nmodels:\n- model: a\n- model: org/name@v1\n",
      4,
      /model org\/name@v1 is no f.*hf download org\/name --revision v1/,
    ],
    ["merge_method: linear\nmodels:\n- model: a\n- model: a+none\n", 4, /model none is no folder/],
    [`merge_method: linear\n${models}`, 2, /a has no weight; linear needs one of each/],
    [`merge_method: linear\n${models}slices: []\n`, 3, /slices: Too small/],
    ["merge_method: linear\n", 1, /give either models or slices/],
    ["merge_method: [linear\n", 2, /not valid YAML/],
    [`merge_method: linear\nparameters: {weight: 1}\n${models}tokenizer_source: c\n`, 4, /is none/],
    [
      `merge_method: linear\nparameters: {weight: 0}\n${models}`,
      3,
      /weights of .* are 0, 0: their sum is 0/,
    ],
    [
      `merge_method: della\nbase_model: c\nparameters: {weight: 1, density: 0.9}\n${models}`,
      0,
      /density 0.9 and epsilon 0.15: density \+ epsilon must be below 1/,
    ],
  ] as const) {
    const file = yaml(text);
    const place = line === 0 ? "" : `${file}:${line}`;
    await refused(new RegExp(`^${place}.*: .*(?:${message.source})`, "u"), file);
  }
  const text = `merge_method: linear
parameters: {weight: 1, int8_mask: true}
models:
- model: a
  parameters: {t: 1}
- model: b
  revision: main
  parameters: {normalize: false}
`;
  const note = await retune("merge", yaml(text), "--out", at("noted"));
  assert.match(note.stderr, /:2: int8_mask changes no result/);
  assert.match(
    note.stderr,
    /:5: linear does not read t, so that it changes nothing; it reads weight/,
  );
  assert.match(note.stderr, /:7: revision changes nothing here, as in mergekit/);
  assert.match(note.stderr, /:8: normalize is not of one model, so that it changes nothing/);
});

/** A copy of a model with other keys in its config. */
function variant(
  of: string,
  name: string,
  change: (config: Record<string, unknown>) => object,
): string {
  cpSync(at(of), at(name), { recursive: true });
  const file = at(name, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify(change(config)));
  return name;
}

test("a key that one config leaves to its default is no difference", async () => {
  variant("b", "silent", (config) => ({
    ...config,
    num_key_value_heads: undefined,
    tie_word_embeddings: undefined,
  }));
  const { out } = await merged(
    "merge_method: linear\nmodels: [{model: a}, {model: silent}]\nparameters: {weight: 1}\n",
  );
  const same = await merged(
    "merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n",
  );
  const tensor = "model.layers.1.self_attn.k_proj.weight";
  assert.deepEqual(await values(out, tensor), await values(same.out, tensor));
});

test("what is computed and one model stored all the same is left out", async () => {
  cpSync(at("a"), at("stored"), { recursive: true });
  const tensors = [];
  for (const info of (await readModelWeights(at("a"))).values()) {
    tensors.push({ ...info, data: await readTensorBytes(info) });
  }
  const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
  const frequencies = { name, dtype: "F32" as const, shape: [2], data: new Uint8Array(8) };
  await writeSafetensors(at("stored", "model.safetensors"), [...tensors, frequencies]);
  for (const first of ["stored", "b"]) {
    const other = first === "b" ? "stored" : "b";
    const models = `models: [{model: ${first}}, {model: ${other}}]`;
    const { out } = await merged(`merge_method: linear\n${models}\nparameters: {weight: 1}\n`);
    assert.ok(!(await readModelWeights(out)).has(name));
  }
});

test("a head beside an embedding that stands for one unties the result", async () => {
  const { out } = await merged(
    "merge_method: linear\nmodels: [{model: tied}, {model: b}]\nparameters: {weight: 1}\n",
  );
  const config = JSON.parse(readFileSync(path.join(out, "config.json"), "utf8")) as object;
  assert.equal((config as { tie_word_embeddings?: boolean }).tie_word_embeddings, false);
  const [embedding, head] = [
    await values(at("tied"), "model.embed_tokens.weight"),
    await values(at("b"), "lm_head.weight"),
  ];
  const expected = embedding.map((value, i) => (value + head[i]!) / 2);
  assertClose(await values(out, "lm_head.weight"), expected, { atol: 1e-7 });
});

test("names of the hub are found in its cache, by branch and by revision", async (t) => {
  const hub = at("hub");
  const repository = path.join(hub, "models--org--name");
  mkdirSync(path.join(repository, "refs", "pr"), { recursive: true });
  cpSync(at("b"), path.join(repository, "snapshots", "abc"), { recursive: true });
  writeFileSync(path.join(repository, "refs", "main"), "abc\n");
  writeFileSync(path.join(repository, "refs", "pr", "1"), "abc");
  const before = process.env["HF_HUB_CACHE"];
  process.env["HF_HUB_CACHE"] = hub;
  t.after(() => {
    if (before === undefined) delete process.env["HF_HUB_CACHE"];
    else process.env["HF_HUB_CACHE"] = before;
  });
  for (const name of ["org/name", "org/name@main", "org/name@refs/pr/1", "org/name@abc"]) {
    const known = name.replace("refs/", "");
    const file = yaml(`merge_method: passthrough\nmodels: [{model: ${known}}]\n`);
    const { config } = await readMergeConfig(file);
    assert.equal(config.models?.[0]?.model, path.join(repository, "snapshots", "abc"), name);
  }
  const missing = yaml("merge_method: passthrough\nmodels: [{model: org/name@v2}]\n");
  await refuses(
    readMergeConfig(missing),
    /:2: .*not in the hub's cache .*hf download org\/name --rev/,
  );
  const outside = yaml("merge_method: passthrough\nmodels: [{model: org/name@../../x}]\n");
  await refuses(readMergeConfig(outside), /is no folder .* nor a name on the hub/);
});

test("a union has a row for each token of each, in the models and in the tokenizer's file", async () => {
  const { out } = await merged(
    "merge_method: linear\nbase_model: words\nmodels: [{model: words}, {model: speech}]\nparameters: {weight: 0.5}\ntokenizer: {pad_to_multiple_of: 16}\n",
  );
  const tokenizer = JSON.parse(readFileSync(path.join(out, "tokenizer.json"), "utf8")) as {
    added_tokens: { id: number; content: string; special: boolean }[];
  };
  const added = tokenizer.added_tokens.map(({ id, content, special }) => [id, content, special]);
  assert.deepEqual(added, [
    [1, "<s>", true],
    [10, "talks", false],
    [11, "<end>", true],
    [12, "<more>", true],
  ]);
  const config = JSON.parse(readFileSync(path.join(out, "config.json"), "utf8")) as object;
  assert.equal((config as { vocab_size?: number }).vocab_size, 16);
  const [ours, words, speech] = [
    await values(out, "model.embed_tokens.weight"),
    await values(at("words"), "model.embed_tokens.weight"),
    await values(at("speech"), "model.embed_tokens.weight"),
  ];
  const row = (all: Float32Array, id: number): Float32Array => all.subarray(16 * id, 16 * id + 16);
  const mean = (x: Float32Array, y: Float32Array): Float32Array =>
    x.map((value, i) => (value + y[i]!) / 2);
  const close = { atol: 1e-7 };
  // "sea" is 6 there and 3 here; "mill" is of one only, and so is "talks".
  assertClose(row(ours, 6), mean(row(words, 6), row(speech, 3)), close);
  assertClose(row(ours, 8), row(words, 8), close);
  assertClose(row(ours, 10), row(speech, 4), close);
  const average = new Float64Array(16);
  for (let id = 0; id < 13; id++) row(ours, id).forEach((x, j) => (average[j]! += x / 13));
  for (const id of [13, 15]) assertClose(row(ours, id), average, { atol: 1e-6 });
});

test("tokens whose rows are nowhere are refused", async () => {
  const text = (tokens: string): string =>
    `merge_method: linear\nbase_model: words\nmodels: [{model: words}, {model: speech}]\nparameters: {weight: 1}\ntokenizer: {source: base, tokens: {${tokens}}}\n`;
  for (const [tokens, message] of [
    ["new: {force: true}", /"new" needs a source/],
    ["new: {source: a}", /"new" comes from .*a, which is none of the models/],
    [
      "new: {source: {kind: model_token, model: words, token: none}}",
      /"new" comes from "none" of .*words, which is not there/,
    ],
  ] as const) {
    await refuses(merged(text(tokens)), message);
  }
});

test("a chat template is the one that is given, or the one that most models have", async () => {
  for (const [name, template] of [
    ["a", "{{ 'first' }}"],
    ["b", "{{ 'second' }}"],
    ["c", "{{ 'second' }} "],
  ] as const) {
    writeFileSync(at(name, "tokenizer_config.json"), JSON.stringify({ chat_template: template }));
  }
  const start =
    "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: b}, {model: c}]\n";
  const given = "{{ messages[0]['content'] }}";
  for (const [asked, expected] of [
    ["auto", "{{ 'second' }}"],
    [JSON.stringify(given), given],
  ] as const) {
    const { out } = await merged(`${start}chat_template: ${asked}\n`);
    assert.equal(readFileSync(path.join(out, "chat_template.jinja"), "utf8"), expected);
  }
});

test("brackets nested by the thousand are refused in one line", async () => {
  for (const depth of [6_000, 100_000]) {
    const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const text = `merge_method: linear\nmodels: [{model: a}]\nparameters: ${nested}`;
    await refused(/config-\d+\.yml: nested too deep to be a merge configuration$/u, yaml(text));
  }
});
