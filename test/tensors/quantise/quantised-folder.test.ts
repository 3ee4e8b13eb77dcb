/** The cache of quantised weights: made once, kept while it stands for the model, made anew when it does not. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  existsSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { quantisedFile } from "../../../src/tensors/quantise/quantised-folder.ts";
import { codesName, scalesName } from "../../../src/tensors/quantise/quantised-tensors.ts";
import {
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
} from "../../../src/tensors/safetensors.ts";
import { dequantised } from "../../support/dequantised.ts";
import { refuses } from "../../support/refuses.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { writeTinyLlama } from "../../support/tiny-llama.ts";

const UP = "model.layers.0.mlp.up_proj.weight";
const DOWN = "model.layers.1.mlp.down_proj.weight";

function setUp(t: TestContext) {
  const dir = realpathSync(tempDir(t));
  const model = path.join(dir, "model");
  writeTinyLlama(model);
  const cacheDir = path.join(dir, "cache");
  const made = async ({
    names = [UP, DOWN],
    type = "int8" as "int8" | "int4",
    from = model,
  } = {}) => {
    const lines: string[] = [];
    const file = await quantisedFile(from, {
      type,
      weights: await readModelWeights(from),
      quantised: new Set(names),
      cacheDir,
      log: (line) => lines.push(line),
    });
    return { file, lines };
  };
  return { dir, model, cacheDir, made, weights: path.join(model, "model.safetensors") };
}

const ANEW = (model: string, type = "int8"): string =>
  `quantising the linear weights of ${model} to ${type}`;

for (const type of ["int8", "int4"] as const) {
  test(`${type}: chosen weights are codes near their values, all others are copied`, async (t) => {
    const { made, model } = setUp(t);
    const { file } = await made({ type });
    const { tensors } = await readSafetensorsHeader(file);
    const originals = await readModelWeights(model);
    const chosen = [UP, DOWN];
    const kept = [...originals.keys()].filter((name) => !chosen.includes(name));
    const parts = chosen.flatMap((name) => [codesName(name), scalesName(name)]);
    assert.deepEqual([...tensors.keys()].toSorted(), [...kept, ...parts].toSorted());
    for (const name of kept) {
      assert.deepEqual(
        await readTensorBytes(tensors.get(name)!),
        await readTensorBytes(originals.get(name)!),
      );
    }
    for (const name of chosen) {
      const codes = await readTensorBytes(tensors.get(codesName(name))!);
      const scales = await readTensorBytes(tensors.get(scalesName(name))!);
      const values = await readTensor(originals.get(name)!);
      const back = dequantised({ codes, scales }, type);
      // All are within ±0.08: a step, and what float16 rounds of its scale.
      const step = type === "int8" ? 0.08 / 127 : 0.08 / 8;
      assert.ok(
        values.every((value, i) => Math.abs(value - back[i]!) <= 1.01 * step),
        name,
      );
    }
  });
}

suite("what was made is taken again", () => {
  test("without a word while nothing has changed, by any name of the folder", async (t) => {
    const { made, model, dir } = setUp(t);
    const first = await made();
    assert.deepEqual(first.lines, [ANEW(model)]);
    const { ino } = statSync(first.file);
    const link = path.join(dir, "link");
    symlinkSync(model, link);
    for (const from of [model, link]) {
      assert.deepEqual(await made({ from }), { file: first.file, lines: [] });
    }
    assert.equal(statSync(first.file).ino, ino);
  });

  test("where files were only touched: their hashes are the same, and the new stamps are kept", async (t) => {
    const { made, weights } = setUp(t);
    const { file } = await made();
    utimesSync(weights, 1, 1);
    utimesSync(file, 2, 2);
    assert.deepEqual((await made()).lines, []);
    const origin = JSON.parse(
      readFileSync(path.join(path.dirname(file), "origin.json"), "utf8"),
    ) as {
      sources: Record<string, { stamp: string }>;
      copy: { stamp: string };
    };
    // Size, then the time of modification in nanoseconds.
    assert.equal(Object.values(origin.sources)[0]!.stamp.split(" ")[1], "1000000000");
    assert.equal(origin.copy.stamp.split(" ")[1], "2000000000");
  });
});

suite("it is made anew", () => {
  test("when the model's weights are others, with the file named; then it stands for those", async (t) => {
    const { made, model, weights } = setUp(t);
    const { file } = await made();
    const before = await readTensorBytes(
      (await readSafetensorsHeader(file)).tensors.get(scalesName(UP))!,
    );
    const info = (await readModelWeights(model)).get(UP)!;
    const bytes = readFileSync(weights);
    const { mtime, atime } = statSync(weights);
    bytes.writeFloatLE(5, info.byteOffset);
    writeFileSync(weights, bytes);
    // Made to look as old as it was.
    utimesSync(weights, atime, mtime);
    const { lines } = await made();
    assert.deepEqual(lines, [
      `${weights} has changed since it was quantised; it is quantised anew`,
      ANEW(model),
    ]);
    const scales = (await readSafetensorsHeader(file)).tensors.get(scalesName(UP))!;
    // 5 / 127, rounded to float16: 11 bits.
    const [first = 0] = await readTensor(scales);
    assert.ok(Math.abs(first - 5 / 127) < (5 / 127) * 2 ** -11, String(first));
    assert.notDeepEqual(await readTensorBytes(scales), before);
    assert.deepEqual((await made()).lines, []);
  });

  test("when somebody wrote to the copy, or took it away", async (t) => {
    const { made, model } = setUp(t);
    const { file } = await made();
    const sound = readFileSync(file);
    appendFileSync(file, "x");
    assert.equal(
      (await made()).lines[0],
      `${file} has changed since it was quantised; it is quantised anew`,
    );
    assert.equal(Buffer.compare(readFileSync(file), sound), 0);
    writeFileSync(path.join(path.dirname(file), "origin.json"), '{"version": 2');
    assert.deepEqual((await made()).lines, [ANEW(model)]);
  });

  test("when other weights are to be quantised", async (t) => {
    const { made, model } = setUp(t);
    const first = await made();
    const second = await made({ names: [UP] });
    assert.deepEqual(second, { file: first.file, lines: [ANEW(model)] });
    const { tensors } = await readSafetensorsHeader(second.file);
    assert.deepEqual([tensors.has(codesName(UP)), tensors.has(DOWN)], [true, true]);
  });
});

test("each type, and each model, has a folder of its own", async (t) => {
  const { made, dir, model, cacheDir } = setUp(t);
  const other = path.join(dir, "other", "model");
  cpSync(model, other, { recursive: true });
  const files = [await made(), await made({ type: "int4" }), await made({ from: other })];
  assert.equal(new Set(files.map(({ file }) => file)).size, 3);
  assert.equal(readdirSync(cacheDir).length, 3);
  assert.deepEqual((await made()).lines, []);
});

test("a weight that can't be quantised is named, and nothing is left in the cache", async (t) => {
  const { made, model, weights, cacheDir } = setUp(t);
  const info = (await readModelWeights(model)).get(DOWN)!;
  const bytes = readFileSync(weights);
  bytes.writeFloatLE(Number.NaN, info.byteOffset + 4 * 64);
  writeFileSync(weights, bytes);
  await refuses(
    made(),
    /model\.safetensors: tensor model\.layers\.1\.mlp\.down_proj\.weight has NaN in row 1, /u,
  );
  assert.deepEqual(existsSync(cacheDir) ? readdirSync(cacheDir) : [], []);
});
