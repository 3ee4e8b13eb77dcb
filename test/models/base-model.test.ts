/** A base model's folder, opened: transformers' own folders, and what is told of one that does not fit its config. */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  asClassifier,
  isStored,
  locateWeights,
  openBaseModel,
  storedTypeOf,
  withConfig,
} from "../../src/models/base-model.ts";
import type { Classifier } from "../../src/adapter-files/classifier-head.ts";
import { type TensorInfo, readTensorBytes } from "../../src/tensors/safetensors.ts";
import { codesName } from "../../src/tensors/quantise/quantised-tensors.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const GOLDEN = path.join(import.meta.dirname, "../golden/models");
const Q_PROJ = "model.layers.1.self_attn.q_proj.weight";
const LABELS: Classifier = { labels: ["a", "b", "c"], problem: "single-label", pooling: "last" };

/** A copy of a golden folder with another config. */
function copyOf(t: TestContext, name: string, change: Record<string, unknown> = {}): string {
  const dir = path.join(tempDir(t), "base");
  cpSync(path.join(GOLDEN, name), dir, { recursive: true });
  const file = path.join(dir, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...change }));
  return dir;
}

for (const name of ["tied", "untied"]) {
  test(`${name}: what transformers saved has every tensor that the architecture calls for, and no other`, async () => {
    const { architecture, weights, classifier } = await openBaseModel(path.join(GOLDEN, name));
    const wanted = new Map(architecture.tensors.map((one) => [one.name, one.shape]));
    assert.deepEqual([...weights.keys()].toSorted(), [...wanted.keys()].toSorted());
    for (const [tensor, info] of weights) assert.deepEqual(info.shape, wanted.get(tensor), tensor);
    assert.equal(classifier, undefined);
  });
}

test("what does not fit is refused with the file, what was found and what was called for", async (t) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { num_hidden_layers: 3 },
      /config\.json: num_hidden_layers is 3, but the weights have 2 layers$/,
    ],
    [
      { intermediate_size: 50 },
      /model\.safetensors: tensor model\.layers\.0\.mlp\.\w+\.weight is \[\d+, \d+\], but \S+config\.json calls for \[\d+, \d+\]$/,
    ],
    [
      { attention_bias: true },
      /base: tensor model\.layers\.0\.self_attn\.q_proj\.bias \[32\] is missing, though \S+config\.json calls for it$/,
    ],
    [{ model_type: "gpt2" }, /gpt2/],
  ];
  for (const [change, message] of cases) {
    await refuses(openBaseModel(copyOf(t, "tied", change)), message);
  }
});

test("fewer layers than there are weights for is a shorter model", async (t) => {
  const { architecture } = await openBaseModel(copyOf(t, "tied", { num_hidden_layers: 1 }));
  assert.ok(!architecture.tensors.some(({ name }) => name.includes("layers.1.")));
});

test("a folder without a config is no base", async (t) => {
  await refuses(
    openBaseModel(tempDir(t)),
    /has no config\.json; a base model is a Hugging Face folder$/,
  );
});

test("to train from scratch a config alone will do", async (t) => {
  const dir = copyOf(t, "tied");
  rmSync(path.join(dir, "model.safetensors"));
  await refuses(
    openBaseModel(dir),
    /has neither model\.safetensors nor model\.safetensors\.index\.json$/,
  );
  const { weights, architecture } = await openBaseModel(dir, { needWeights: false });
  const whole = await openBaseModel(path.join(GOLDEN, "tied"));
  assert.equal(weights.size, 0);
  assert.deepEqual(architecture.tensors, whole.architecture.tensors);
});

test("a classifier has the body of its base, and a head of its labels in the head's place", async () => {
  const base = await openBaseModel(path.join(GOLDEN, "untied"));
  const labelled = asClassifier(base, LABELS);
  const names = (model: typeof base) => model.architecture.tensors.map(({ name }) => name);
  assert.deepEqual(
    names(labelled).toSorted(),
    [...names(base).filter((name) => name !== "lm_head.weight"), "score.weight"].toSorted(),
  );
  const score = labelled.architecture.tensors.find(({ name }) => name === "score.weight");
  assert.deepEqual(score?.shape, [3, 32]);
  assert.deepEqual(labelled.classifier, LABELS);
  assert.equal(base.classifier, undefined, "the base stays what it is");
});

test("a head of the same labels is kept, one of others is drawn anew", async () => {
  const base = await openBaseModel(path.join(GOLDEN, "tied"));
  const info: TensorInfo = { ...base.weights.get(Q_PROJ)!, name: "score.weight", shape: [3, 32] };
  const weights = new Map([...base.weights, ["score.weight", info]]);
  const labelled = { ...asClassifier(base, LABELS), weights };
  assert.ok(asClassifier(labelled, { ...LABELS }).weights.has("score.weight"));
  const other = asClassifier(labelled, { ...LABELS, labels: ["a", "b", "d"] });
  assert.ok(!other.weights.has("score.weight"));
});

test("another config is checked against the weights that there are", async () => {
  const base = await openBaseModel(path.join(GOLDEN, "tied"));
  const shorter = withConfig(base, { ...base.config, num_hidden_layers: 1 });
  assert.equal(shorter.weights, base.weights);
  assert.ok(shorter.architecture.tensors.length < base.architecture.tensors.length);
  assert.throws(
    () => withConfig(base, { ...base.config, vocab_size: 97 }),
    /tensor model\.embed_tokens\.weight is \[96, 32\], but \S+config\.json calls for \[97, 32\]$/,
  );
});

test("a tensor's type is that of the file, or of its codes where it is stored in blocks", () => {
  const place = { name: "w", shape: [1], file: "/f", byteOffset: 0, byteLength: 4 };
  const info = (dtype: TensorInfo["dtype"]): TensorInfo => ({ ...place, dtype });
  const types = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;
  for (const [dtype, type] of Object.entries(types)) {
    assert.equal(storedTypeOf(new Map([["w", info(dtype as keyof typeof types)]]), "w"), type);
  }
  for (const [dtype, type] of [
    ["I8", "int8"],
    ["U8", "int4"],
  ] as const) {
    const weights = new Map([[codesName("w"), info(dtype)]]);
    assert.equal(storedTypeOf(weights, "w"), type);
    assert.ok(isStored(weights, "w"));
    assert.ok(!isStored(weights, "v"));
  }
  assert.throws(
    () => storedTypeOf(new Map([["w", info("I64")]]), "w"),
    /^Error: internal: .*w.*I64/,
  );
  assert.throws(() => storedTypeOf(new Map(), "w"), /^Error: internal: no weight w/);
});

test("links are followed, and the folder is the nearest that holds all real files", async (t) => {
  // As the hub's cache lays it out: snapshots/<commit>/FILE → ../../blobs/<hash>
  const root = tempDir(t);
  const [blobs, snapshot] = [path.join(root, "blobs"), path.join(root, "snapshots/abc")];
  mkdirSync(snapshot, { recursive: true });
  cpSync(path.join(GOLDEN, "untied"), snapshot, { recursive: true });
  const shards = readdirSync(snapshot).filter(
    (file) => file.endsWith(".safetensors") && file.startsWith("model-"),
  );
  assert.ok(shards.length > 1, "several shards");
  for (const [index, shard] of shards.entries()) {
    // In folders of their own, so that the nearest common one is blobs itself.
    mkdirSync(path.join(blobs, String(index)), { recursive: true });
    const blob = path.join(blobs, String(index), "blob");
    renameSync(path.join(snapshot, shard), blob);
    symlinkSync(path.relative(snapshot, blob), path.join(snapshot, shard));
  }
  const { weights } = await openBaseModel(snapshot);
  const { dir, locate } = await locateWeights(weights);
  assert.equal(path.relative(root, dir), "blobs");
  for (const [name, info] of weights) {
    const place = locate(name);
    assert.ok(!place.path.startsWith("..") && !path.isAbsolute(place.path), place.path);
    const start = place.byteOffset ?? 0;
    const bytes = readFileSync(path.join(dir, place.path)).subarray(
      start,
      start + (place.byteLength ?? 0),
    );
    assert.deepEqual(new Uint8Array(bytes), new Uint8Array(await readTensorBytes(info)), name);
  }
  assert.throws(() => locate("none"), /^Error: internal: no weight none$/);
});
