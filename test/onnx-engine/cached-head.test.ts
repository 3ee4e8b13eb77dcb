/** A head trained on kept features, beside the engine whose graph passes through the body each time: the same numbers. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { SCORE } from "../../src/adapter-files/classifier-head.ts";
import type { Example } from "../../src/data/example.ts";
import { asClassifier, openBaseModel } from "../../src/models/base-model.ts";
import { classificationHead } from "../../src/objectives/classification/head.ts";
import { CachedHead } from "../../src/onnx-engine/cached-head.ts";
import { openTrainingEngine } from "../../src/onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import { assertClose } from "../support/assert-close.ts";
import {
  CLASSIFICATION_CASES,
  type ClassificationCase,
  classifierOf,
  labelledBatch,
} from "../support/classification-cases.ts";
import { goldenModel } from "../support/llama-golden.ts";

/** Float32 on both sides, summed in another order. */
const TOLERANCE = { rtol: 1e-5, atol: 1e-7 };

const engines: { dispose(): Promise<void> }[] = [];
after(async () => {
  for (const engine of engines) await engine.dispose();
});

/** Trains the base whole, so that nothing is kept; and a head over it that reads the same parameters. */
async function pair(each: ClassificationCase) {
  const classifier = classifierOf(each);
  const base = asClassifier(await openBaseModel(goldenModel(each.variant)), classifier);
  const { method } = each;
  const whole = await openTrainingEngine({
    base,
    method,
    seed: 1,
    maxLength: 32,
    threads: 1,
  });
  engines.push(whole);
  const score = whole.trainables.find(({ name }) => name === SCORE)!;
  const window = whole.parameters.subarray(score.offset, score.offset + score.length);
  const passed: number[] = [];
  const counted = {
    trainables: [{ ...score, offset: 0 }],
    parameters: window,
    evaluate: (batch: readonly Example[]) => {
      passed.push(...batch.map(({ line }) => line));
      return whole.evaluate(batch);
    },
  } as unknown as OnnxTrainingEngine;
  const lines: string[] = [];
  const head = new CachedHead(counted, classificationHead(classifier), (line) => lines.push(line));
  return { whole, head, score, window, passed, lines };
}

/** Weights that differ, as a recipe's own may. */
async function weighted(each: ClassificationCase): Promise<Example[]> {
  return (await labelledBatch(each)).map((row, index) => ({
    ...row,
    weights: row.weights.map((weight) => weight * (0.5 + index)),
  }));
}

for (const name of ["single-label", "multi-label", "regression", "mean", "first"]) {
  const each = CLASSIFICATION_CASES[name]!;

  test(`${name}: loss, gradients and answers are those of the graph, also after the head has moved`, async () => {
    const { whole, head, score, window, passed } = await pair(each);
    const batch = await weighted(each);
    for (const round of [0, 1]) {
      const [full, own] = [
        new Float32Array(whole.parameters.length),
        new Float32Array(score.length).fill(0),
      ];
      const options = { scale: 0.3, dropoutSeed: 1 };
      const expected = await whole.accumulateGradients(batch, { ...options, into: full });
      const found = await head.accumulateGradients(batch, { ...options, into: own });
      const gradient = full.subarray(score.offset, score.offset + score.length);
      assertClose([found.lossSum], [expected.lossSum], TOLERANCE, `loss, round ${round}`);
      assert.equal(found.counted, expected.counted);
      assertClose(own, gradient, TOLERANCE, `gradient, round ${round}`);
      const [theirs, ours] = [await whole.evaluate(batch), await head.evaluate(batch)];
      assertClose([ours.lossSum], [theirs.lossSum], TOLERANCE, `evaluated, round ${round}`);
      assert.deepEqual(
        [ours.correct, ours.exact, ours.rows, ours.counted],
        [theirs.correct, theirs.exact, theirs.rows, theirs.counted],
      );
      for (const { example, logits, features } of theirs.answers!) {
        const answer = ours.answers!.find((one) => one.example === example)!;
        assertClose(answer.logits, logits, TOLERANCE, `logits of row ${example.line}`);
        assert.deepEqual(answer.features, features);
      }
      // A step along the gradient, written where the engine's own parameters are.
      gradient.forEach((slope, i) => (window[i]! -= 0.1 * slope));
    }
    // The body saw each row once, however often its head was asked.
    assert.deepEqual(
      passed.toSorted((a, b) => a - b),
      [1, 2, 3],
    );
  });
}

test("gradients add to what is there", async () => {
  const each = CLASSIFICATION_CASES["single-label"]!;
  const { head, score } = await pair(each);
  const batch = await weighted(each);
  const options = { scale: 1, dropoutSeed: 1 };
  const [once, twice] = [new Float32Array(score.length), new Float32Array(score.length)];
  await head.accumulateGradients(batch, { ...options, into: once });
  for (const row of batch) await head.accumulateGradients([row], { ...options, into: twice });
  assertClose(twice, once, { rtol: 1e-6 });
});

test("rows that come later pass through the body alone", async () => {
  const each = CLASSIFICATION_CASES["mean"]!;
  const { head, passed, lines } = await pair(each);
  const [first, second, third] = (await weighted(each)) as [Example, Example, Example];
  await head.evaluate([second]);
  const { answers } = await head.evaluate([first, second, third]);
  assert.deepEqual(passed, [2, 1, 3]);
  assert.deepEqual(
    answers!.map(({ example }) => example),
    [first, second, third],
    "in the batch's order",
  );
  // A row of the same text is another row: rows are told apart by what they are, not by what they say.
  await head.evaluate([{ ...second }]);
  assert.deepEqual(passed, [2, 1, 3, 2]);
  assert.deepEqual(lines, [], "nothing to say while all fits");
});

test("a model without a head over rows is a broken invariant", () => {
  const engine = {} as unknown as OnnxTrainingEngine;
  assert.throws(() => new CachedHead(engine, undefined, () => {}), /internal: no head over rows/u);
});
