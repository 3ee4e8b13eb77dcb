/** Rows of one micro-batch do not see each other, however many are packed into it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Example } from "../../src/data/example.ts";
import type { Packing, RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import type { StepPlan } from "../../src/onnx-engine/step-form.ts";
import { trainRun } from "../../src/trainer/train-run.ts";
import { planTraining } from "../../src/training/training-plan.ts";
import { assertClose } from "../support/assert-close.ts";
import { makeRun, readMetrics, readState, tinyWorkspace } from "../support/retune.ts";

const MAX_LENGTH = 32;
const VOCABULARY = 96;
/** The rounding of float32 sums taken in another order. */
const ROUNDING = { rtol: 1e-5 };

function row(length: number, counts: (token: number) => boolean = (token) => token > 0): Example {
  return {
    ids: Int32Array.from({ length }, (_, t) => (t * t * 7 + length * 13 + t) % VOCABULARY),
    weights: Float32Array.from({ length }, (_, t) => Number(counts(t))),
    line: length,
  };
}

const ROWS = [
  row(MAX_LENGTH),
  row(3),
  row(17, (token) => token % 3 === 1),
  // The last six tokens are read by nobody.
  row(21, (token) => token > 8 && token < 15),
  row(2),
];

async function openTiny(
  t: TestContext,
  change: Partial<StepPlan["form"]>,
): Promise<OnnxTrainingEngine> {
  const engine = await openTrainingEngine({
    plan: {
      form: { blocks: 1, rowChunks: 1, vocabularyChunks: 1, kept: "all", ...change },
      maxTokens: 1e6,
      prepack: false,
    },
    base: await openBaseModel(fileURLToPath(new URL("../golden/models/tied", import.meta.url))),
    method: { type: "full", init: "base" },
    seed: 1,
    maxLength: MAX_LENGTH,
    threads: 1,
  });
  t.after(() => engine.dispose());
  return engine;
}

/** Sums up micro-batches, taken one after the other. */
async function sums(engine: OnnxTrainingEngine, batches: readonly (readonly Example[])[]) {
  const gradients = new Float32Array(engine.parameters.length);
  let loss = 0;
  for (const batch of batches) {
    const options = { scale: 1, dropoutSeed: 1, into: gradients };
    loss += (await engine.accumulateGradients(batch, options)).lossSum;
  }
  return { loss, gradients };
}

for (const change of [{}, { blocks: 3 }, { blocks: 2, rowChunks: 2, kept: "layers" as const }]) {
  test(`packed rows have the loss and gradients of each alone, form ${JSON.stringify(change)}`, async (t) => {
    const engine = await openTiny(t, change);
    const data = { packing: true as const, maxLength: MAX_LENGTH };
    const plan = planTraining(ROWS, { data, batchSize: 3, accumulate: 1, epochs: 1, seed: 1 });
    assert.equal(plan.totalSteps, 1);
    const packed = plan.microBatches(0);
    assert.equal(packed[0]?.length, ROWS.length);
    const together = await sums(engine, packed);
    const alone = await sums(
      engine,
      ROWS.map((one) => [one]),
    );
    assertClose([together.loss], [alone.loss], ROUNDING, "loss");
    for (const { name, offset, length } of engine.trainables) {
      const of = (all: Float32Array): Float32Array => all.subarray(offset, offset + length);
      assertClose(of(together.gradients), of(alone.gradients), ROUNDING, name);
    }
  });
}

test("rows that do see each other have another loss: the comparison can tell", async (t) => {
  const engine = await openTiny(t, {});
  const [first, second] = [row(9), row(17)];
  const apart = await sums(engine, [[first, second]]);
  const joined: Example = {
    ids: Int32Array.from([...first.ids, ...second.ids]),
    weights: Float32Array.from([...first.weights, ...second.weights]),
    line: 1,
  };
  const seeing = await sums(engine, [[joined]]);
  assert.ok(Math.abs(seeing.loss - apart.loss) > 1e-3 * apart.loss);
});

test("tokens after the last counted one change nothing", async (t) => {
  const engine = await openTiny(t, {});
  const [long, ...others] = [ROWS[3]!, ROWS[0]!, ROWS[1]!];
  const cut = { ...long, ids: long.ids.slice(0, 15), weights: long.weights.slice(0, 15) };
  assert.deepEqual(await sums(engine, [[long, ...others]]), await sums(engine, [[cut, ...others]]));
});

const UNEVEN_ROWS = 60;

/** Rows of a fifth to seven tenths of a micro-batch: how well they pair up differs between epochs. */
async function unevenRun(dir: string, packing: Packing): Promise<string> {
  const rows = Array.from({ length: UNEVEN_ROWS }, (_, i) =>
    JSON.stringify({ text: "a".repeat(9 + ((i * 11) % 24)) }),
  );
  writeFileSync(path.join(dir, "data.jsonl"), rows.join("\n"));
  const recipe: Partial<RecipeInput> = {
    data: { train: "data.jsonl", maxLength: 48, packing },
    batchSize: 1,
    accumulate: 1,
    epochs: 3,
    saveEvery: 10,
  };
  return makeRun(dir, recipe);
}

/** All of a run that does not come from the clock or the memory. */
function reproducible(runDir: string): Partial<Metric>[] {
  return readMetrics(runDir).map(({ step, epoch, loss, learningRate, gradNorm, tokens }) => {
    return { step, epoch, loss, learningRate, gradNorm, tokens } as Partial<Metric>;
  });
}

test("a packed run that is stopped and resumed equals an undisturbed one, in fewer steps than unpacked", async (t) => {
  const dir = tinyWorkspace(t);
  const train = async (runDir: string, stopAfter = Infinity): Promise<void> => {
    const stop = new AbortController();
    const onMetric = ({ step }: Metric): void => {
      if (step >= stopAfter) stop.abort();
    };
    const signals = { stop: stop.signal, atOnce: new AbortController().signal };
    await trainRun(runDir, { signals, onMetric });
  };
  const [expected, disturbed] = [await unevenRun(dir, true), await unevenRun(dir, true)];
  await train(expected);
  const { totalSteps = 0, epoch } = readState(expected);
  assert.equal(epoch, 3);
  const ends = [0, 1, 2, 3].map(
    (end) => readMetrics(expected).find((metric) => metric.epoch === end)?.step ?? 0,
  );
  const epochSteps = ends.slice(1).map((end, i) => end - (ends[i] ?? 0));
  assert.ok(new Set(epochSteps).size > 1, `epochs of ${epochSteps.join(", ")} steps`);

  const stops = [Math.floor(totalSteps / 3) + 2, totalSteps - 1];
  for (const step of stops) {
    await train(disturbed, step);
    assert.equal(readState(disturbed).status, "stopped");
    assert.equal(readState(disturbed).step, step);
  }
  await train(disturbed);
  assert.deepEqual(reproducible(disturbed), reproducible(expected));
  const adapter = (run: string): Buffer =>
    readFileSync(path.join(run, "adapter/adapter_model.safetensors"));
  assert.ok(adapter(disturbed).equals(adapter(expected)), "the adapters differ");

  const unpacked = await unevenRun(dir, "auto");
  await train(unpacked);
  assert.equal(readState(unpacked).totalSteps, 3 * UNEVEN_ROWS);
  assert.ok(totalSteps < 3 * UNEVEN_ROWS);
});
