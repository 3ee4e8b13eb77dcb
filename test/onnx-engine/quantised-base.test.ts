/** A LoRA over weights in blocks against the same engine over a float32 folder of the same values. */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Quantization } from "../../src/protocol/engines/onnx.ts";
import type { Method } from "../../src/protocol/methods.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import {
  type TensorInfo,
  readSafetensorsHeader,
  readTensor,
  readTensorBytes,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import { dequantised } from "../support/dequantised.ts";
import { refuses } from "../support/refuses.ts";
import { TWO_ROWS } from "../support/two-rows.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

const folder = mkdtempSync(path.join(tmpdir(), "retune-quantised-"));
after(() => rmSync(folder, { recursive: true }));
const model = path.join(folder, "model");
writeTinyLlama(model);
const cacheDir = path.join(folder, "cache");

const method: Method = {
  type: "lora",
  rank: 4,
  alpha: 8,
  dropout: 0,
  targets: "all-linear",
  variant: "lora",
};
async function open(baseDir: string, quantization?: Quantization, log?: (line: string) => void) {
  return openTrainingEngine({
    base: await openBaseModel(baseDir),
    method,
    quantization,
    cacheDir,
    seed: 1,
    maxLength: 64,
    threads: 1,
    log: log ?? (() => {}),
  });
}

/** Loss and gradients at an adapter whose two factors are both far from 0. */
async function step(baseDir: string, quantization?: Quantization) {
  const engine = await open(baseDir, quantization);
  engine.parameters.forEach((_, i) => (engine.parameters[i] = Math.sin(i) / 10));
  const into = new Float32Array(engine.parameters.length);
  const { lossSum, counted } = await engine.accumulateGradients(TWO_ROWS, {
    scale: 1 / 49,
    dropoutSeed: 1,
    into,
  });
  const evaluated = await engine.evaluate(TWO_ROWS);
  await engine.dispose();
  const gradients = engine.trainables.map(({ name, offset, length }) => ({
    name,
    values: into.subarray(offset, offset + length),
  }));
  return { loss: lossSum / counted, evaluated: evaluated.lossSum / counted, gradients };
}

function cachedFiles(): string[] {
  return readdirSync(cacheDir).map((name) => path.join(cacheDir, name, "model.safetensors"));
}

/** The model as float32, its linear weights made of the codes and scales in a cached file. */
async function writeDequantised(target: string, file: string, type: "int8" | "int4") {
  const { tensors: original } = await readSafetensorsHeader(path.join(model, "model.safetensors"));
  const { tensors: cached } = await readSafetensorsHeader(file);
  const read = async ({ name, shape }: TensorInfo) => {
    const [codes, scales] = [cached.get(`${name}.codes`), cached.get(`${name}.scales`)];
    const values =
      codes && scales
        ? dequantised(
            { codes: await readTensorBytes(codes), scales: await readTensorBytes(scales) },
            type,
          )
        : await readTensor(cached.get(name)!);
    return { name, shape, dtype: "F32" as const, data: new Uint8Array(values.buffer) };
  };
  cpSync(model, target, { recursive: true });
  const tensors = await Promise.all([...original.values()].map(read));
  await writeSafetensors(path.join(target, "model.safetensors"), tensors);
}

for (const type of ["int8", "int4"] as const) {
  suite(type, () => {
    test("loss and every gradient are those of the dequantised weights", async () => {
      rmSync(cacheDir, { recursive: true, force: true });
      const quantised = await step(model, type);
      const [file] = cachedFiles();
      const same = path.join(folder, `dequantised-${type}`);
      await writeDequantised(same, file!, type);
      const expected = await step(same);
      assertClose([quantised.loss], [expected.loss], { rtol: 1e-6 }, "loss");
      assertClose([quantised.evaluated], [expected.evaluated], { rtol: 1e-6 }, "evaluated");
      assert.equal(quantised.gradients.length, 2 * 7 * 2);
      quantised.gradients.forEach(({ name, values }, i) => {
        const reference = expected.gradients[i]!;
        assert.equal(name, reference.name);
        assert(reference.values.some((value) => Math.abs(value) > 1e-6));
        assertClose(values, reference.values, { rtol: 1e-5, atol: 1e-9 }, name);
      });
      const whole = await step(model);
      assert.notEqual(quantised.loss, whole.loss);
    });

    test("embeddings and norms are kept bit for bit, every linear weight is in blocks", async () => {
      rmSync(cacheDir, { recursive: true, force: true });
      await (await open(model, type)).dispose();
      const [file] = cachedFiles();
      const { tensors: cached } = await readSafetensorsHeader(file!);
      const { tensors } = await readSafetensorsHeader(path.join(model, "model.safetensors"));
      for (const info of tensors.values()) {
        const kept = cached.get(info.name);
        if (/proj/u.test(info.name)) {
          assert.equal(kept, undefined);
          const [rows = 0, columns = 0] = info.shape;
          const codes = rows * columns * (type === "int8" ? 1 : 0.5);
          assert.equal(cached.get(`${info.name}.codes`)!.byteLength, codes);
          assert.equal(cached.get(`${info.name}.scales`)!.byteLength, (rows * columns) / 16);
        } else {
          assert.equal(kept!.dtype, info.dtype);
          assert.deepEqual(await readTensorBytes(kept!), await readTensorBytes(info));
        }
      }
    });
  });
}

test("the copy in the cache serves until the model changes", async () => {
  rmSync(cacheDir, { recursive: true, force: true });
  const lines: string[] = [];
  const reopen = async (type: Quantization = "int4") => {
    await (await open(model, type, (line) => lines.push(line))).dispose();
    return lines.splice(0).some((line) => line.startsWith("quantising"));
  };
  assert.equal(await reopen(), true);
  assert.equal(await reopen(), false);
  assert.equal(await reopen("int8"), true);
  assert.equal(await reopen(), false);
  const weights = path.join(model, "model.safetensors");
  const { atimeMs, mtimeMs } = statSync(weights);
  utimesSync(weights, atimeMs / 1000, mtimeMs / 1000 + 5);
  assert.equal(await reopen(), false, "touched, and what it was");
  cachedFiles().forEach((file) => rmSync(file));
  assert.equal(await reopen(), true);
});

test("a copy or a model with other bytes is noticed by its hash, whatever its size and times say", async () => {
  rmSync(cacheDir, { recursive: true, force: true });
  const lines: string[] = [];
  const reopen = async () => {
    await (await open(model, "int4", (line) => lines.push(line))).dispose();
    return lines.splice(0).find((line) => line.includes("has changed since"));
  };
  await reopen();
  for (const file of [path.join(model, "model.safetensors"), ...cachedFiles()]) {
    assert.equal(await reopen(), undefined);
    const { atimeMs, mtimeMs } = statSync(file);
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2);
    writeFileSync(file, bytes);
    utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
    const change = await reopen();
    assert.ok(change?.startsWith(file), change);
  }
});

test("the log says that the adapter is for the base as it is", async () => {
  const lines: string[] = [];
  await (await open(model, "int8", (line) => lines.push(line))).dispose();
  assert.match(lines.join("\n"), /merge, eval and generate use those weights/u);
});

suite("refused, with nothing left in the cache:", () => {
  const left = () => readdirSync(folder).includes("cache") && readdirSync(cacheDir).length > 0;

  test("rows that are not whole blocks", async () => {
    rmSync(cacheDir, { recursive: true, force: true });
    const tied = fileURLToPath(new URL("../golden/models/tied", import.meta.url));
    await refuses(
      open(tied, "int4"),
      /tensor model\.layers\.0\.mlp\.down_proj\.weight \[32, 48\] has rows of 48 values/u,
    );
    assert(!left());
  });

  for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY, 3e38]) {
    test(`a weight of ${bad}`, async () => {
      rmSync(cacheDir, { recursive: true, force: true });
      const damaged = path.join(folder, "damaged");
      cpSync(model, damaged, { recursive: true });
      const file = path.join(damaged, "model.safetensors");
      const { tensors } = await readSafetensorsHeader(file);
      const written = await Promise.all(
        [...tensors.values()].map(async (info) => {
          const values = await readTensor(info);
          if (info.name.endsWith("layers.1.mlp.up_proj.weight")) values[5 * 32 + 3] = bad;
          return { ...info, data: new Uint8Array(values.buffer) };
        }),
      );
      await writeSafetensors(file, written);
      await refuses(
        open(damaged, "int4"),
        /damaged\/model\.safetensors: tensor model\.layers\.1\.mlp\.up_proj\.weight has \S+ in row 5,/u,
      );
      assert(!left());
    });
  }

  test("full fine-tuning", async () => {
    const work = openTrainingEngine({
      base: await openBaseModel(model),
      method: { type: "full", init: "base" },
      quantization: "int8",
      cacheDir,
      seed: 1,
      maxLength: 64,
    });
    await refuses(work, /quantization is for method lora/u);
  });
});
