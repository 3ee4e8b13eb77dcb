import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { safetensorsBytes } from "./bytes.ts";
import { refuses } from "../support/refuses.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "retune-shards-"));
});
afterEach(() => rm(dir, { recursive: true }));

const [ONE, TWO] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/** A file with one byte per named tensor. */
async function shard(file: string, ...names: string[]) {
  const header = names.map((name, i) => [
    name,
    { dtype: "U8", shape: [1], data_offsets: [i, i + 1] },
  ]);
  const bytes = safetensorsBytes(Object.fromEntries(header), new Uint8Array(names.length));
  await writeFile(path.join(dir, file), bytes);
}

async function index(content: unknown) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  await writeFile(path.join(dir, "model.safetensors.index.json"), text);
}

test("shards are one model", async () => {
  await shard(ONE, "a", "b");
  await shard(TWO, "c");
  await index({ metadata: { total_size: 3 }, weight_map: { a: ONE, b: ONE, c: TWO } });
  const weights = await readModelWeights(dir);
  assert.deepEqual([...weights.keys()], ["a", "b", "c"]);
  assert.equal(weights.get("c")?.file, path.join(dir, TWO));
});

test("a single file goes before an index, as in transformers", async () => {
  await shard("model.safetensors", "whole");
  await index("{}");
  assert.deepEqual([...(await readModelWeights(dir)).keys()], ["whole"]);
});

test("what a shard has and the index does not list belongs to the model, as in transformers, and is told", async () => {
  await shard(ONE, "a", "extra", "more");
  await index({ weight_map: { a: ONE } });
  const told: string[] = [];
  const weights = await readModelWeights(dir, (line) => told.push(line));
  assert.deepEqual([...weights.keys()], ["a", "extra", "more"]);
  assert.match(
    told.join("\n"),
    /^\S+index\.json: tensor extra and 1 more is in a shard and not in the index; the shards count$/,
  );
});

test("a tensor in another shard than the index says is taken where it is, and told", async () => {
  await shard(ONE, "a");
  await shard(TWO, "b");
  await index({ weight_map: { a: TWO, b: ONE } });
  const told: string[] = [];
  const weights = await readModelWeights(dir, (line) => told.push(line));
  assert.equal(weights.get("a")?.file, path.join(dir, ONE));
  assert.equal(weights.get("b")?.file, path.join(dir, TWO));
  assert.match(told.join("\n"), /tensor b and 1 more is in another shard than the index says/);
});

test("a missing shard is named", async () => {
  await shard(ONE, "a");
  await index({ weight_map: { a: ONE, b: TWO } });
  await refuses(readModelWeights(dir), /model-00002-of-00002\.safetensors is missing, though/);
});

test("a tensor that is missing from its shard is named", async () => {
  await shard(ONE, "a");
  await index({ weight_map: { a: ONE, b: ONE } });
  await refuses(readModelWeights(dir), /00001-of-00002\.safetensors: tensor b is missing/);
});

test("a tensor that is in two shards is one where the bytes are alike, and named where they are not", async () => {
  await shard(ONE, "a", "b");
  await shard(TWO, "b", "c");
  await index({ weight_map: { a: ONE, b: ONE, c: TWO } });
  assert.deepEqual([...(await readModelWeights(dir)).keys()], ["a", "b", "c"]);
  const file = path.join(dir, TWO);
  const bytes = await readFile(file);
  bytes[bytes.length - 2] = 1;
  await writeFile(file, bytes);
  await refuses(
    readModelWeights(dir),
    /00002-of-00002\.safetensors: tensor b is in model-00001-of-00002\.safetensors too, with other values/,
  );
});

test("an index that leads out of its folder is refused", async () => {
  const targets = ["../m.safetensors", "/etc/m.safetensors", "..", "", "a/m.safetensors"];
  for (const target of [...targets, "..\\m.safetensors", "c:m.safetensors", "model.bin"]) {
    await index({ weight_map: { a: target } });
    await refuses(readModelWeights(dir), /tensor a is placed in ".*", expected a \.safetensors/);
  }
});

test("an index of another form is refused in one line", async () => {
  const cases: [unknown, RegExp][] = [
    ["{\n", /index\.json:2:1: not valid JSON/],
    [[], /expected an object/],
    [{}, /weight_map/],
    [{ weight_map: { a: 3 } }, /weight_map\.a/],
    [{ weight_map: {} }, /names no tensor/],
  ];
  for (const [content, message] of cases) {
    await index(content);
    await refuses(readModelWeights(dir), message);
  }
});

test("weights as a pickle only are refused", async () => {
  await writeFile(path.join(dir, "pytorch_model.bin"), "");
  await refuses(readModelWeights(dir), /pytorch_model\.bin only, a pickle/);
});
