/** Every method against mergekit's own result for the same YAML: test/golden/mergekit/make_mergekit.py. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeByMethod, prepareMerge } from "../../../src/merge/models/merge-by-method.ts";
import type { MergeRequest } from "../../../src/merge/models/request.ts";
import { readMergeConfig } from "../../../src/merge/models/mergekit-yaml.ts";
import { dareMethod } from "../../../src/merge/methods/dare.ts";
import { dellaMethod, keepChances } from "../../../src/merge/methods/della-mask.ts";
import type { Method } from "../../../src/merge/methods/method.ts";
import type { MethodName } from "../../../src/protocol/merge-methods.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import {
  type TensorInfo,
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { runMethod } from "../../support/run-method.ts";

const golden = path.join(import.meta.dirname, "../../golden/mergekit");
const dir = mkdtempSync(path.join(tmpdir(), "retune-mergekit-"));
after(() => rmSync(dir, { recursive: true }));

const F32 = { atol: 1e-6 };

async function requestOf(name: string): Promise<MergeRequest> {
  return { ...(await readMergeConfig(path.join(golden, "cases", `${name}.yml`))), seed: 5 };
}

async function expectedOf(name: string): Promise<ReadonlyMap<string, TensorInfo>> {
  return (await readSafetensorsHeader(path.join(golden, "expected", `${name}.safetensors`)))
    .tensors;
}

/** Neighbouring values differ by 1. */
function ordinals(bytes: Uint8Array): Int32Array {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return Int32Array.from(halves, (half) => (half & 0x8000 ? -(half & 0x7fff) : half));
}

const cases = readdirSync(path.join(golden, "cases")).map((file) => path.parse(file).name);
const isRandom = (name: string): boolean => /^(dare|della)/u.test(name);
for (const name of cases.filter((one) => !isRandom(one))) {
  test(`${name} is mergekit's: float32 to 1e-6, bfloat16 to one unit in the last place`, async () => {
    const outDir = path.join(dir, name);
    await mergeByMethod({ request: await requestOf(name), outDir });
    const ours = await readModelWeights(outDir);
    const theirs = await expectedOf(name);
    assert.deepEqual([...ours.keys()].toSorted(), [...theirs.keys()].toSorted());
    for (const [tensor, info] of theirs) {
      const own = ours.get(tensor)!;
      assert.equal(own.dtype, info.dtype, tensor);
      assert.deepEqual(own.shape, info.shape, tensor);
      if (info.dtype === "BF16") {
        const [a, b] = [
          ordinals(await readTensorBytes(own)),
          ordinals(await readTensorBytes(info)),
        ];
        assertClose(a, b, { atol: 1 }, tensor);
      } else assertClose(await readTensor(own), await readTensor(info), F32, tensor);
    }
  });
}

test("models rearranged have as many layers in their config, in files that transformers reads", async () => {
  const outDir = path.join(dir, "passthrough");
  const config = JSON.parse(readFileSync(path.join(outDir, "config.json"), "utf8")) as {
    num_hidden_layers: number;
    dtype: string;
  };
  assert.equal(config.num_hidden_layers, 5);
  assert.equal(config.dtype, "float32");
  const names = readdirSync(outDir).toSorted();
  assert.deepEqual(names, ["README.md", "config.json", "model.safetensors"]);
});

test("the files are the base's, with an index that fits them in another dtype", async () => {
  const outDir = path.join(dir, "task-arithmetic-normalized");
  const index = JSON.parse(
    readFileSync(path.join(outDir, "model.safetensors.index.json"), "utf8"),
  ) as { metadata: { total_size: number }; weight_map: object };
  const infos = [...(await readModelWeights(outDir)).values()];
  const bytes = infos.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.equal(index.metadata.total_size, bytes);
  const files = readdirSync(outDir).filter((file) => file.endsWith(".safetensors"));
  assert.deepEqual(files, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
  const card = readFileSync(path.join(outDir, "README.md"), "utf8");
  assert.match(card, /task arithmetic.*with base as its base/);
  assert.match(card, /merge_method: task_arithmetic\nbase_model: base\n/);
  assert.ok(!card.includes(golden), "no path of this machine");
});

function methodWith(
  name: MethodName,
  masks: readonly Uint8Array[],
  shape: readonly number[],
): Method {
  const join = name === "dare-ties" || name === "della" ? "ties" : "linear";
  if (name.startsWith("dare")) return dareMethod(join, (_, model) => masks[model]!);
  const columns = shape.at(-1)!;
  return dellaMethod(join, ({ start }, chances, model) => {
    assert.equal(start % columns, 0, "whole rows");
    return masks[model]!.subarray(start, start + chances.length);
  });
}

for (const name of cases.filter(isRandom)) {
  test(`${name} is mergekit's with mergekit's masks`, async () => {
    const { plan } = await prepareMerge(await requestOf(name));
    const file = name.startsWith("dare") ? "masks.safetensors" : "masks-della.safetensors";
    const masks = (await readSafetensorsHeader(path.join(golden, file))).tensors;
    const theirs = await expectedOf(name);
    for (const { name: tensor, dtype, shape, job } of plan.tensors) {
      const kept = [0, 1].map((model) => readTensorBytes(masks.get(`${model}.${tensor}`)!));
      const method = methodWith(job.method, await Promise.all(kept), shape);
      const models = await Promise.all(job.models.map((info) => readTensor(info as TensorInfo)));
      const base = await readTensor(job.base as TensorInfo);
      const result = runMethod(method, { base, models }, job.tensor.parameters, shape);
      const info = theirs.get(tensor)!;
      const expected = await readTensor(info);
      // Half a unit in the last of bfloat16's eight bits, besides the float32's own.
      if (info.dtype === "BF16") {
        const ratio = result.map((value, i) => Math.abs(value - expected[i]!) / Math.abs(value));
        assertClose(ratio, new Float64Array(ratio.length), { atol: 2 ** -8 }, tensor);
      } else assertClose(result, expected, F32, tensor);
      assert.equal(dtype, info.dtype);
    }
  });
}

test("DELLA keeps an element with mergekit's probability", async () => {
  const [base, tuned] = [
    await readModelWeights(path.join(golden, "base")),
    await readModelWeights(path.join(golden, "b")),
  ];
  const theirs = (await readSafetensorsHeader(path.join(golden, "chances.safetensors"))).tensors;
  for (const [name, info] of theirs) {
    const from = await readTensor(base.get(name)!);
    const delta = Float64Array.from(await readTensor(tuned.get(name)!), (x, i) => x - from[i]!);
    const ours = keepChances(delta, info.shape.at(-1)!, { density: 0.6, epsilon: 0.15 });
    assertClose(ours, await readTensor(info), F32, name);
  }
});
