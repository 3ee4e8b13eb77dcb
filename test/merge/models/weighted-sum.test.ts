/** Weighted sums of models, against the formula in double precision. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeModels } from "../../../src/merge/models/weighted-sum.ts";
import { fromFloat32 } from "../../../src/tensors/dtype.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes, writeSafetensors } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import { goldenModel } from "../../support/llama-golden.ts";
import { refuses } from "../../support/refuses.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-models-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;

/** A fine-tune of the golden's: each weight moved by its own pseudo-random step. */
async function tuned(variant: string, dtype: "F32" | "BF16" | "F16", step = 0.1): Promise<string> {
  const folder = path.join(dir, `tuned-${variant}-${dtype}-${step}`);
  cpSync(goldenModel(variant), folder, {
    recursive: true,
    filter: (file) => !/\.safetensors$|index\.json$|adapter$/u.test(file),
  });
  const tensors: {
    name: string;
    dtype: typeof dtype;
    shape: readonly number[];
    data: Uint8Array;
  }[] = [];
  for (const { name, shape, ...info } of (await readModelWeights(goldenModel(variant))).values()) {
    const values = (await readTensor({ name, shape, ...info })).map(
      (value, i) => value + step * Math.sin(1 + i * 12.9898),
    );
    tensors.push({ name, dtype, shape, data: fromFloat32(values, dtype) });
  }
  await writeSafetensors(path.join(folder, "model.safetensors"), tensors, { format: "pt" });
  return folder;
}

async function merged(...models: [dir: string, weight: number][]): Promise<string> {
  const outDir = path.join(dir, `out-${count++}`);
  await mergeModels({ models: models.map(([from, weight]) => ({ dir: from, weight })), outDir });
  return outDir;
}

for (const [variant, dtype] of [
  ["tied", "F32"],
  ["untied", "F32"],
  ["untied", "BF16"],
  ["tied", "F16"],
] as const) {
  test(`${variant} with a fine-tune in ${dtype}: the sum, in the first one's files and format`, async () => {
    const [base, other] = [goldenModel(variant), await tuned(variant, dtype)];
    const out = await merged([base, 0.7], [other, 0.3]);
    const [a, b, c] = [
      await readModelWeights(base),
      await readModelWeights(other),
      await readModelWeights(out),
    ];
    assert.deepEqual([...c.keys()], [...a.keys()]);
    for (const [name, info] of c) {
      const own = a.get(name)!;
      assert.equal(info.dtype, own.dtype);
      assert.equal(path.basename(info.file), path.basename(own.file));
      const [x, y] = [await readTensor(own), await readTensor(b.get(name)!)];
      const wide = Float64Array.from(x, (value, i) => 0.7 * value + 0.3 * y[i]!);
      const actual = await readTensor(info);
      if (own.dtype === "F32") assertClose(actual, wide, { rtol: 0, atol: 1e-7 }, name);
      else assert.deepEqual(actual, roundTrip(Float32Array.from(wide), own.dtype), name);
    }
    const names = readdirSync(out);
    for (const file of ["config.json", "README.md"]) assert.ok(names.includes(file), file);
    assert.match(readFileSync(path.join(out, "README.md"), "utf8"), /weight: 0\.7$/m);
  });
}

function roundTrip(values: Float32Array, dtype: string): Float32Array {
  const bytes = fromFloat32(values, dtype as "BF16");
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  return Float32Array.from(
    halves,
    (half) => new Float32Array(Uint32Array.of(half << 16).buffer)[0]!,
  );
}

test("two in bfloat16: exactly the double-precision sum, rounded; what is not finite is named", async () => {
  const [one, two] = [await tuned("tied", "BF16"), await tuned("tied", "BF16", -0.3)];
  for (const [p, q] of [
    [0.7, 0.3],
    [1.5, -0.25],
  ] as const) {
    const out = await readModelWeights(await merged([one, p], [two, q]));
    const [a, b] = [await readModelWeights(one), await readModelWeights(two)];
    for (const [name, info] of out) {
      const [x, y] = [await readTensor(a.get(name)!), await readTensor(b.get(name)!)];
      const sums = Float32Array.from(x, (value, i) => p * value + q * y[i]!);
      assert.deepEqual(await readTensor(info), roundTrip(sums, "BF16"), name);
    }
  }
  await refuses(merged([one, 1e45], [two, 1e45]), /which BF16 cannot hold; lower the weights/);
  const damaged = path.join(dir, "damaged-bfloat16");
  cpSync(two, damaged, { recursive: true });
  const file = path.join(damaged, "model.safetensors");
  const last = [...(await readModelWeights(damaged)).values()].at(-1)!;
  for (const [pattern, shown] of [
    [0xff81, "NaN"],
    [0x7f80, "Infinity"],
  ] as const) {
    const bytes = readFileSync(file);
    bytes.writeUInt16LE(pattern, last.byteOffset + last.byteLength - 2);
    writeFileSync(file, bytes);
    await refuses(
      merged([one, 0.5], [damaged, 0.5]),
      new RegExp(`tensor ${last.name} holds ${shown}: the model is damaged`),
    );
  }
});

test("all the weight on one model is that model, bit for bit", async () => {
  const [base, other] = [goldenModel("tied"), await tuned("tied", "F32")];
  for (const [weights, expected] of [
    [[1, 0], base],
    [[0, 1], other],
  ] as const) {
    const out = await readModelWeights(await merged([base, weights[0]], [other, weights[1]]));
    for (const [name, info] of await readModelWeights(expected)) {
      assert.deepEqual(await readTensorBytes(out.get(name)!), await readTensorBytes(info), name);
    }
  }
});

test("any number of models, weights that do not add up to one too", async () => {
  const [base, other] = [goldenModel("tied"), await tuned("tied", "F32")];
  const third = path.join(dir, "third");
  cpSync(other, third, { recursive: true });
  const out = await readModelWeights(await merged([base, 1], [other, -0.5], [third, 0.75]));
  const [a, b] = [await readModelWeights(base), await readModelWeights(other)];
  for (const [name, info] of out) {
    const [x, y] = [await readTensor(a.get(name)!), await readTensor(b.get(name)!)];
    const wide = Float64Array.from(x, (value, i) => value + 0.25 * y[i]!);
    assertClose(await readTensor(info), wide, { rtol: 0, atol: 1e-7 }, name);
  }
});

test("models that do not fit are refused with all that differs, and nothing is left", async () => {
  const before = readdirSync(dir);
  await refuses(
    merged([goldenModel("tied"), 0.5], [goldenModel("untied"), 0.5]),
    /can't be mixed: rope is .*; tensor .*k_proj.weight is \[16, 32\] and \[24, 32\]; .*; and \d+ more$/,
  );
  await refuses(merged([goldenModel("tied"), 1]), /needs two models or more/);
  const damaged = path.join(dir, "damaged");
  cpSync(await tuned("tied", "F32"), damaged, { recursive: true });
  const file = path.join(damaged, "model.safetensors");
  const info = (await readModelWeights(damaged)).get("model.layers.0.mlp.up_proj.weight")!;
  const bytes = readFileSync(file);
  bytes.writeFloatLE(Infinity, info.byteOffset + 8);
  writeFileSync(file, bytes);
  await refuses(
    merged([goldenModel("tied"), 0.5], [damaged, 0.5]),
    /tensor model\.layers\.0\.mlp\.up_proj\.weight holds Infinity: the model is damaged/,
  );
  const left = readdirSync(dir).filter((name) => name.startsWith("out-"));
  assert.deepEqual(
    left,
    before.filter((name) => name.startsWith("out-")),
  );
});
