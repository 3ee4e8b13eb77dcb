/** What OpenVINO has compiled, kept from one start to the next: with the real runtime, on a Llama of two layers. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CPU } from "../../src/onnx-engine/device.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { Precision } from "../../src/protocol/engines/onnx.ts";
import { fromFloat32 } from "../../src/tensors/dtype.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import { readTensor, writeSafetensors } from "../../src/tensors/safetensors.ts";
import { stampFiles } from "../../src/tensors/stamped-file.ts";
import { startHashing } from "../../src/util/hash-files.ts";
import { relativeError } from "../../src/util/relative-error.ts";
import { LORA, type Step, gradientsOf, openKept, openvino, stepOf } from "../support/kept-step.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

type Stored = "F32" | "F16" | "BF16";

interface Scene {
  model: string;
  /** Where the compiled graphs are. */
  kept: string;
}

/** A base whose q_proj and o_proj are square, and a cache of its own. */
async function scene(t: TestContext, stored: Stored = "BF16"): Promise<Scene> {
  const dir = tempDir(t);
  const model = path.join(dir, "model");
  writeTinyLlama(model);
  await storeAs(model, stored);
  return { model, kept: path.join(dir, "cache") };
}

/** @param factor of every value */
async function storeAs(model: string, dtype: Stored, factor = 1): Promise<void> {
  const weights = [...(await readModelWeights(model)).values()];
  const tensors = await Promise.all(
    weights.map(async (info) => ({
      name: info.name,
      dtype,
      shape: info.shape,
      data: fromFloat32(
        (await readTensor(info)).map((value) => value * factor),
        dtype,
      ),
    })),
  );
  await writeSafetensors(path.join(model, "model.safetensors"), tensors, { format: "pt" });
}

async function step(
  { model, kept }: Scene,
  precision: Precision = "bfloat16",
): Promise<{ lines: readonly string[] } & Step> {
  const { engine, lines } = await openKept(model, kept, precision);
  try {
    return { ...(await stepOf(engine)), lines };
  } finally {
    await engine.dispose();
  }
}

const bits = ({ loss, gradients, evaluated }: Step): Step => ({ loss, gradients, evaluated });

/** What is in the cache: the folders, and in each OpenVINO's own file. */
function entries(kept: string): { dir: string; blob: string }[] {
  return readdirSync(kept).map((name) => {
    const dir = path.join(kept, name);
    const blob = readdirSync(dir).find((each) => each.endsWith(".blob")) ?? "";
    return { dir, blob: path.join(dir, blob) };
  });
}

/** Lines about the cache. */
const told = (lines: readonly string[]): string[] =>
  lines.filter((line) => /anew|not kept/u.test(line));

suite("a compiled graph", { skip: openvino.skip }, () => {
  for (const precision of ["float32", "bfloat16"] as const) {
    for (const stored of ["F32", "F16", "BF16"] as const) {
      test(`computes the same bits from the cache as fresh: ${precision}, weights ${stored}`, async (t) => {
        const { model, kept } = await scene(t, stored);
        const cold = await step({ model, kept }, precision);
        assert.equal(entries(kept).length, 2, "training and evaluation");
        const times = entries(kept).map(({ blob }) => statSync(blob).mtimeMs);
        const warm = await step({ model, kept }, precision);
        assert.deepEqual(
          entries(kept).map(({ blob }) => statSync(blob).mtimeMs),
          times,
          "nothing was compiled",
        );
        assert.deepEqual(told([...cold.lines, ...warm.lines]), []);
        const file = path.join(tempDir(t), "file");
        writeFileSync(file, "");
        const fresh = await step({ model, kept: file }, precision);
        assert.deepEqual(bits(warm), bits(fresh));
        assert.deepEqual(bits(cold), bits(fresh));
      });
    }
  }

  test("from the cache has ONNX Runtime's gradients, square weights or not", async (t) => {
    for (const stored of ["F32", "F16", "BF16"] as const) {
      const { model, kept } = await scene(t, stored);
      await step({ model, kept }, "float32");
      const { engine } = await openKept(model, kept, "float32");
      const got = await gradientsOf(engine);
      const base = await openBaseModel(model);
      const reference = await openTrainingEngine({ ...LORA, base, threads: 1, device: CPU });
      reference.parameters.set(engine.parameters);
      const expected = await gradientsOf(reference);
      assert.ok(relativeError(got.gradients, expected.gradients) < 1e-5, stored);
      await engine.dispose();
      await reference.dispose();
    }
  });

  test("names half-precision weights in their file: none of their bytes are kept", async (t) => {
    const { model, kept } = await scene(t, "BF16");
    await step({ model, kept });
    const half = entries(kept).map(({ blob }) => statSync(blob).size);
    await storeAs(model, "F32");
    await step({ model, kept });
    const all = entries(kept).map(({ blob }) => statSync(blob).size);
    // Negated squares are made of float32 weights, all but the first layer's, below which nothing is trained.
    const more = Math.max(...all) - Math.max(...half);
    assert.ok(more >= 3 * 4 * 32 * 32, `${more} bytes`);
  });

  test("is checked once", async (t) => {
    const { model, kept } = await scene(t);
    const checked = /bfloat16's gradients are within/u;
    const { lines: first } = await step({ model, kept });
    assert.match(first.find((line) => checked.test(line)) ?? "", /on the first rows$/u);
    const { lines: second } = await step({ model, kept });
    assert.match(second.find((line) => checked.test(line)) ?? "", /as checked before$/u);
    const verdict = entries(kept).flatMap(({ dir }) =>
      readdirSync(dir).includes("check.json") ? [path.join(dir, "check.json")] : [],
    );
    assert.equal(verdict.length, 1, "the training step's");
    writeFileSync(verdict[0]!, '{"relativeError":1.3}');
    const { lines: third } = await step({ model, kept });
    assert.ok(third.some((line) => /gradients are 130\.0 % off float32's/u.test(line)));
    writeFileSync(verdict[0]!, "{");
    const { lines: fourth } = await step({ model, kept });
    assert.match(fourth.find((line) => checked.test(line)) ?? "", /on the first rows$/u);
  });

  test("of other weights is another one", async (t) => {
    const { model, kept } = await scene(t);
    const before = await step({ model, kept });
    await storeAs(model, "BF16", 1.5);
    const after = await step({ model, kept });
    assert.notEqual(after.loss, before.loss);
    assert.equal(entries(kept).length, 4);
  });
});

suite("a damaged cache", { skip: openvino.skip }, () => {
  const damages: [string, (blob: string) => void, RegExp][] = [
    ["cut off", (blob) => truncateSync(blob, 1000), /is damaged/u],
    ["longer", (blob) => appendFileSync(blob, "x"), /is damaged/u],
    ["empty", (blob) => truncateSync(blob, 0), /is damaged/u],
    [
      "changed inside",
      (blob) => {
        const bytes = readFileSync(blob);
        bytes[bytes.length >> 1]! ^= 0xff;
        writeFileSync(blob, bytes);
      },
      /is damaged/u,
    ],
    ["beside a foreign file", (blob) => writeFileSync(`${blob}.blob`, "x"), /is not Retune's/u],
    [
      "without its contents",
      (blob) => writeFileSync(path.join(path.dirname(blob), "contents.json"), "[]"),
      /contents\.json/u,
    ],
  ];
  for (const [what, damage, expected] of damages) {
    test(`is made anew with a line: ${what}`, async (t) => {
      const { model, kept } = await scene(t);
      const cold = await step({ model, kept });
      const { blob } = largest(kept);
      damage(blob);
      const again = await step({ model, kept });
      assert.deepEqual(bits(again), bits(cold));
      assert.equal(told(again.lines).length, 1, told(again.lines).join("\n"));
      assert.match(told(again.lines)[0]!, expected);
      const { lines } = await step({ model, kept });
      assert.deepEqual(told(lines), []);
    });
  }

  test("that is whole, but OpenVINO's no more, is made anew with a line", async (t) => {
    const { model, kept } = await scene(t);
    const cold = await step({ model, kept });
    const { dir, blob } = largest(kept);
    // As if another build had made it: the header names it, and the contents agree.
    const bytes = readFileSync(blob);
    const version = bytes.indexOf("OV_VERSION:");
    assert.notEqual(version, -1);
    bytes.write("OV_VERSION:2025", version, "latin1");
    writeFileSync(blob, bytes);
    const { [blob]: stamped } = await stampFiles(await startHashing([blob]).hashes);
    const contents = { [path.basename(blob)]: stamped };
    writeFileSync(path.join(dir, "contents.json"), JSON.stringify(contents));
    const again = await step({ model, kept });
    assert.deepEqual(bits(again), bits(cold));
    assert.equal(told(again.lines).length, 1, again.lines.join("\n"));
    const { lines } = await step({ model, kept });
    assert.deepEqual(told(lines), []);
  });

  test("or one that can't be written is none, with a line", async (t) => {
    const { model } = await scene(t);
    const file = path.join(tempDir(t), "file");
    writeFileSync(file, "");
    const { lines } = await step({ model, kept: file });
    assert.match(told(lines)[0] ?? "", /what OpenVINO compiled is not kept: .*ENOTDIR/u);
  });
});

function largest(kept: string): { dir: string; blob: string } {
  const bySize = entries(kept).toSorted((a, b) => statSync(b.blob).size - statSync(a.blob).size);
  return bySize[0]!;
}

suite("the cache of compiled graphs", { skip: openvino.skip }, () => {
  test("keeps within its limit: the longest unused go first", async (t) => {
    const { model, kept } = await scene(t);
    const old = (name: string, daysAgo: number): string => {
      const dir = path.join(kept, name);
      mkdirSync(dir, { recursive: true });
      writeFileSync(path.join(dir, "1.blob"), "");
      truncateSync(path.join(dir, "1.blob"), 2 ** 31 - 2 ** 24);
      writeFileSync(path.join(dir, "contents.json"), "{}");
      const then = new Date(Date.now() - daysAgo * 86_400_000);
      utimesSync(path.join(dir, "contents.json"), then, then);
      return name;
    };
    const [newer, newest, oldest] = [old("a", 2), old("b", 1), old("c", 3)];
    mkdirSync(path.join(kept, "d.1-ab.tmp"));
    const hours = new Date(Date.now() - 7_200_000);
    utimesSync(path.join(kept, "d.1-ab.tmp"), hours, hours);
    mkdirSync(path.join(kept, "e.1-ab.tmp"));
    await step({ model, kept });
    const left = readdirSync(kept);
    assert.equal(left.length, 5);
    for (const name of [newer, newest, "e.1-ab.tmp"]) assert.ok(left.includes(name), name);
    assert.ok(!left.includes(oldest));
  });

  test("counts a use", async (t) => {
    const { model, kept } = await scene(t);
    await step({ model, kept });
    const then = new Date(Date.now() - 86_400_000);
    const contents = entries(kept).map(({ dir }) => path.join(dir, "contents.json"));
    for (const file of contents) utimesSync(file, then, then);
    await step({ model, kept });
    for (const file of contents) assert.ok(Date.now() - statSync(file).mtimeMs < 3_600_000);
  });

  test("serves two processes that begin at once", async (t) => {
    const { model, kept } = await scene(t);
    const script = fileURLToPath(new URL("../support/compile-in-process.ts", import.meta.url));
    const run = async (): Promise<unknown> => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        "--import",
        "tsx",
        script,
        model,
        kept,
      ]);
      return JSON.parse(stdout);
    };
    const [one, other] = await Promise.all([run(), run()]);
    assert.deepEqual(one, other);
    assert.deepEqual(one, await run());
    assert.equal(entries(kept).length, 2);
    const { lines, ...here } = await step({ model, kept });
    assert.deepEqual(told(lines), []);
    assert.deepEqual(here, one);
  });
});
