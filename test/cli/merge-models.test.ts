/** `retune merge` of models: YAML and options, and what is refused in one line with nothing written. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import {
  beginSafetensors,
  readTensorBytes,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { mergeFolder } from "../support/merge-folder.ts";
import { retune, startRetune } from "../support/retune.ts";
import { elementCount } from "../../src/util/element-count.ts";

// How the command line itself answers an InputError is seen below.
const { at, yaml, fresh, refused } = mergeFolder(["base", "a", "b", "c", "deep"]);

/** The tensors' bytes, by name. */
async function contents(model: string): Promise<ReadonlyMap<string, string>> {
  const tensors = new Map<string, string>();
  for (const [name, info] of await readModelWeights(model)) {
    tensors.set(name, Buffer.from(await readTensorBytes(info)).toString("base64"));
  }
  return tensors;
}

async function merged(...args: string[]): Promise<string> {
  const out = fresh();
  const { code, stderr, stdout } = await retune("merge", ...args, "--out", out);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), out);
  return out;
}

test("options and YAML that say the same write the same tensors", async () => {
  for (const [options, text] of [
    [
      ["b", "c", "--method", "ties", "--base", "base", "--weight", "0.5", "--weight", "0.7"].concat(
        ["--density", "0.6", "--lambda", "0.9"],
      ),
      "merge_method: ties\nbase_model: base\nmodels: [{model: b, parameters: {weight: 0.5}}, {model: c, parameters: {weight: 0.7}}]\nparameters: {density: 0.6, lambda: 0.9}",
    ],
    [
      ["a", "b", "--method", "slerp", "--t", "0,0.5"],
      "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: [0, 0.5]}",
    ],
    [
      ["b", "c", "--method", "dare_ties", "--base", "base", "--density", "0.4", "--seed", "3"],
      "merge_method: dare_ties\nbase_model: base\nmodels: [{model: b}, {model: c}]\nparameters: {weight: 1, density: 0.4}",
    ],
    [
      ["a", "b", "c", "--method", "model-soup", "--dtype", "float16"],
      "merge_method: linear\nmodels: [{model: a}, {model: b}, {model: c}]\nparameters: {weight: 1}\nout_dtype: float16",
    ],
  ] as const) {
    const paths = options.map((one) => (/^(base|a|b|c)$/u.test(one) ? at(one) : one));
    const seed = text.includes("dare") ? ["--seed", "3"] : [];
    const [one, other] = [await merged(...paths), await merged(yaml(text), ...seed)];
    assert.deepEqual(await contents(one), await contents(other), options.join(" "));
  }
});

test("the seed decides the masks of DARE, and the card names it", async () => {
  const args = [at("b"), "--method", "dare-linear", "--base", at("base"), "--density", "0.5"];
  const [one, again, other] = [
    await merged(...args, "--seed", "1"),
    await merged(...args, "--seed", "1"),
    await merged(...args, "--seed", "2"),
  ];
  assert.deepEqual(await contents(one), await contents(again));
  assert.notDeepEqual(await contents(one), await contents(other));
  assert.match(readFileSync(path.join(one, "README.md"), "utf8"), /random masks .* seed 1\./);
});

test("numbers out of their range are refused", async () => {
  const slerp = [at("a"), at("b"), "--method", "slerp"];
  const ties = [at("b"), at("c"), "--method", "ties", "--base", at("base")];
  const linear = [at("a"), at("b"), "--method", "linear"];
  const dare = [at("b"), at("c"), "--method", "dare-ties", "--base", at("base")];
  await refused(/slerp needs t$/, ...slerp);
  await refused(/density must be at least 0, found -0\.1/, ...dare, "--density=-0.1");
  await refused(
    /--density: 3 are given for 2 models/,
    ...ties,
    ..."1 1 1".split(" ").flatMap((d) => ["--density", d]),
  );
  await refused(
    /weights of .* are 1, -1: their sum is 0/,
    ...linear,
    "--weight",
    "1",
    "--weight=-1",
  );
  await refused(/--weight must be a number.*found "x"/, ...linear, "--weight", "x");
  await refused(/--weight must be a number.*found "0x10"/, ...linear, "--weight", "0x10");
  await refused(/--seed must be a whole number.*found "0x10"/, ...ties, "--seed", "0x10");
  await refused(/--seed must be a whole number/, ...ties, "--seed", "-1.5".slice(1));
  await refused(/linear does not read lambda/, ...linear, "--lambda", "2");
  await refused(
    /--set: ties has no parameter "gamma"; it reads weight, /,
    ...ties,
    "--set",
    "gamma=1",
  );
  await refused(/exclude each other/, ...linear, "--normalize", "--no-normalize");
});

test("too few or too many models, a missing base or method", async () => {
  await refused(
    /--method must be one of .*, found "breadcrump"/,
    at("a"),
    "--method",
    "breadcrump",
  );
  await refused(/--method NAME is missing/, at("a"), at("b"));
  await refused(/ties needs a base/, at("a"), at("b"), "--method", "ties");
  const three = [at("a"), at("b"), at("c"), "--method", "slerp", "--t", "0.5"];
  await refused(/slerp takes 1 model besides the base, 2 are given/, ...three);
  const stock = [at("b"), "--method", "model-stock", "--base", at("base")];
  await refused(/model-stock takes 2 or more models besides the base, 1 are/, ...stock);
  await refused(/--adapter does not go with/, at("a"), "--method", "linear", "--adapter", at("b"));
  await refused(/--unmerge is for adapters/, at("a"), at("b"), "--method", "linear", "--unmerge");
  await refused(/--t does not go with a YAML file/, yaml("merge_method: slerp"), "--t", "0.5");
  await refused(/linear has no base/, at("a"), at("b"), "--method", "linear", "--base", at("base"));
  await refused(/does not exist/, at("a"), at("none"), "--method", "linear");
  const slices = "slices:\n- sources:\n  - {model: b, layer_range: [0, 1]}\n";
  const text = `merge_method: ties\nbase_model: base\n${slices}`;
  await refused(/:4: base_model is not among the sources/, yaml(text));
});

test("layers that a model does not have", async () => {
  const text = (range: string): string =>
    `merge_method: passthrough\nslices:\n- sources:\n  - model: a\n    layer_range: ${range}\n`;
  await refused(/:5: layer_range \[0, 3\] is not within the 2 layers of/, yaml(text("[0, 3]")));
  await refused(/:5: layer_range \[1, 1\] is not within/, yaml(text("[1, 1]")));
  await refused(/:5: .*expected two whole numbers/, yaml(text("[0]")));
  const uneven = `merge_method: linear\nslices:\n- sources:\n  - {model: a, layer_range: [0, 1]}\n  - {model: b, layer_range: [0, 2]}\n`;
  await refused(/:3: the sources of a slice have 1 and 2 layers/, yaml(uneven));
});

/** A copy of `a` with another config, or with a tensor changed. */
async function variant(
  name: string,
  change: { config?: object; tensor?: { name: string; shape: number[]; value: number } },
): Promise<string> {
  const folder = at(name);
  cpSync(at("a"), folder, { recursive: true });
  const file = path.join(folder, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...change.config }));
  const { tensor } = change;
  if (!tensor) return folder;
  const tensors = [];
  for (const info of (await readModelWeights(folder)).values()) {
    const size = elementCount(tensor.shape);
    const data = fromFloat32(new Float32Array(size).fill(tensor.value), "F32");
    const isIt = info.name === tensor.name;
    const { shape } = isIt ? tensor : info;
    tensors.push({ ...info, shape, data: isIt ? data : await readTensorBytes(info) });
  }
  await writeSafetensors(path.join(folder, "model.safetensors"), tensors);
  return folder;
}

suite("models that do not fit", () => {
  const withA = (other: string): string[] => [at("a"), other, "--method", "linear"];

  test("of another architecture, vocabulary or shape are refused with what differs", async () => {
    const mistral = await variant("mistral", { config: { model_type: "mistral" } });
    await refused(/can't be mixed: model_type is "llama" and "mistral"/, ...withA(mistral));
    const larger = await variant("larger", {
      config: { vocab_size: 25 },
      tensor: { name: "lm_head.weight", shape: [25, 16], value: 1 },
    });
    await refused(/can't be mixed: tensor lm_head.weight is \[24, 16\] and \[25/, ...withA(larger));
    await refused(
      /tensor model\.layers\.2\..* is in .*deep only.*and \d+ more/,
      ...withA(at("deep")),
    );
    const rope = await variant("rope", {
      config: { rope_parameters: undefined, rope_theta: 5e5 },
    });
    await refused(/rope is .*10000.* and .*500000.* \(--allow-other-rope mixes/, ...withA(rope));
    const out = at("rope-mixed");
    const mixed = await retune("merge", ...withA(rope), "--allow-other-rope", "--out", out);
    assert.match(mixed.stderr, /rope is .*500000.*; the merged model has the former/);
    const config = readFileSync(path.join(out, "config.json"), "utf8");
    assert.match(config, /"rope_theta": 10000/);
  });

  test("rope as transformers 4 wrote it is the same as transformers 5's", async () => {
    const older = await variant("older", {
      config: { rope_parameters: undefined, rope_theta: 10_000, rope_scaling: null },
    });
    await merged(...withA(older));
  });

  test("of other tokens under the same ids are refused, unless they are only added", async () => {
    const tokenizer = (vocab: object, added: object[] = []): string =>
      JSON.stringify({ model: { type: "BPE", vocab }, added_tokens: added });
    const [one, other] = [await variant("tokens", {}), await variant("others", {})];
    writeFileSync(path.join(one, "tokenizer.json"), tokenizer({ a: 0, b: 1 }));
    writeFileSync(path.join(other, "tokenizer.json"), tokenizer({ a: 1, b: 0 }));
    const args = [one, other, "--method", "linear"];
    await refused(/token "a" of tokenizer.json is 0 and 1/, ...args);
    writeFileSync(
      path.join(other, "tokenizer.json"),
      tokenizer({ a: 0, b: 1 }, [{ id: 2, content: "c" }]),
    );
    await merged(...args);
    const file = yaml(
      "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: tokens}, {model: others}]\ntokenizer_source: others\n",
    );
    const out = await merged(file);
    const copied = readFileSync(path.join(out, "tokenizer.json"), "utf8");
    assert.equal(copied, readFileSync(path.join(other, "tokenizer.json"), "utf8"));
  });

  test("with NaN or infinity are refused, the tensor named", async () => {
    const name = "model.layers.1.mlp.up_proj.weight";
    for (const value of [NaN, Infinity]) {
      const tensor = { name, shape: [20, 16], value };
      const broken = await variant(`broken-${value}`, { tensor });
      const args = [at("b"), broken, "--base", at("base")];
      const message = new RegExp(`tensor ${name} holds ${value}`, "u");
      await refused(message, ...withA(broken));
      await refused(message, ...args, "--method", "ties", "--density", "0.5");
      await refused(message, ...args, "--method", "dare-linear", "--density", "0.5");
      await refused(message, at("b"), broken, "--method", "slerp", "--t", "0.5");
    }
    const large = await variant("large", { tensor: { name, shape: [20, 16], value: 2e5 } });
    await refused(/which F16 cannot hold/, ...withA(large), "--dtype", "float16");
  });

  test("with a shard missing are refused", async () => {
    cpSync(at("b"), at("lost"), { recursive: true });
    rmSync(at("lost", "model-00002-of-00002.safetensors"));
    await refused(/model-00002-of-00002\.safetensors is missing/, ...withA(at("lost")));
  });
});

test("an output that exists, or is inside a model", async () => {
  mkdirSync(at("taken"));
  writeFileSync(at("taken", "file"), "");
  const models = [at("a"), at("b"), "--method", "linear", "--out"];
  for (const [out, message] of [
    ["taken", /taken is not empty; name a new folder/],
    ["b/merged", /is inside .*b; name a folder outside it/],
  ] as const) {
    const { code, stderr } = await retune("merge", ...models, at(out));
    assert.equal(code, 2);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1);
  }
  assert.deepEqual(readdirSync(at("taken")), ["file"]);
  assert.ok(!readdirSync(at("b")).includes("merged"));
});

/** A model of zeros that takes no room on the disk, large enough that its merge can be stopped. */
async function writeZeros(folder: string): Promise<void> {
  mkdirSync(folder);
  cpSync(at("a", "config.json"), path.join(folder, "config.json"));
  const tensors = Array.from({ length: 24 }, (_, i) => ({
    name: `model.layers.0.${i}.weight`,
    dtype: "F32" as const,
    shape: [2048, 1024],
  }));
  await beginSafetensors(path.join(folder, "model.safetensors"), tensors);
}

test("SIGTERM ends a merge with nothing left", async () => {
  const place = at("stopped");
  mkdirSync(place);
  for (const name of ["x", "y"]) await writeZeros(path.join(place, name));
  const args = ["x", "y"].map((name) => path.join(place, name));
  const options = ["--method", "ties", "--density", "0.5", "--base", args[0]!];
  const out = path.join(place, "out");
  const { child, finished } = await startRetune("merge", args[1]!, ...options, "--out", out);
  while (readdirSync(place).length < 3 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGTERM");
  const { code, stderr } = await finished;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^stopped; nothing is written$/m);
  assert.deepEqual(readdirSync(place).toSorted(), ["x", "y"]);
});

const mountPoint = mkdtempSync(path.join(tmpdir(), "retune-merge-full-"));
const mount = ["-t", "tmpfs", "-o", "size=32k", "tmpfs", mountPoint];
const isMounted = process.platform === "linux" && spawnSync("mount", mount).status === 0;
after(() => {
  if (isMounted) spawnSync("umount", [mountPoint]);
  rmSync(mountPoint, { recursive: true });
});

test(
  "a disk without the room",
  { skip: !isMounted && "only root can mount a small disk" },
  async () => {
    const out = path.join(mountPoint, "merged");
    const { code, stderr } = await retune(
      "merge",
      at("a"),
      at("b"),
      "--method",
      "linear",
      "--out",
      out,
    );
    assert.equal(code, 2);
    assert.match(stderr, /needs 1\.\d MB, the disk has 0\.0 MB left/);
    assert.deepEqual(readdirSync(mountPoint), []);
  },
);
