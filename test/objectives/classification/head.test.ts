/** One loss twice: as a graph, and in plain arithmetic for heads trained on kept features. Each is the other's witness. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import type { Classifier } from "../../../src/adapter-files/classifier-head.ts";
import type { Example } from "../../../src/data/example.ts";
import { GraphBuilder } from "../../../src/graph/builder.ts";
import { addGradients } from "../../../src/graph/gradient.ts";
import {
  classificationHead,
  givenLabels,
  isRight,
  labelValues,
} from "../../../src/objectives/classification/head.ts";
import { headLogits } from "../../../src/objectives/linear-head.ts";
import type { FedRow } from "../../../src/objectives/row-head.ts";
import { assertClose } from "../../support/assert-close.ts";
import { type Tensor64, interpret, tensor } from "../../support/interpreter.ts";

const WIDTH = 3;
const SCALE = 0.25;
const LEAD = 2;

const classifier = (
  problem: Classifier["problem"],
  pooling: Classifier["pooling"],
): Classifier => ({
  problem,
  pooling,
  labels: problem === "regression" ? ["value"] : ["a", "b", "c", "d"],
});

/** Rows of unlike length and weight. */
function rowsOf(problem: Classifier["problem"]): FedRow[] {
  const labels = {
    "single-label": [2, 0, 3],
    "multi-label": [[1, 3], [], [0, 1, 2, 3]],
    regression: [0.5, -2, 0],
  }[problem];
  return [4, 1, 2].map((length, row): FedRow => {
    const weights = new Float32Array(length).fill(0.5 + row);
    const example: Example = {
      ids: new Int32Array(length),
      weights,
      line: row,
      label: labels[row]!,
    };
    return { length, example };
  });
}

function drawn(seed: number, shape: readonly [number, number]): Tensor64 {
  const random = xorshift128plus(seed);
  const length = shape[0] * shape[1];
  return tensor(
    shape,
    Float32Array.from({ length }, () => random.next() / 2 ** 30),
  );
}

for (const problem of ["single-label", "multi-label", "regression"] as const) {
  for (const pooling of ["first", "last", "mean"] as const) {
    test(`${problem} over ${pooling}: the graph's loss and gradients are the rows' own, weighted and scaled`, () => {
      const own = classifier(problem, pooling);
      const head = classificationHead(own);
      const rows = rowsOf(problem);
      const { feeds, R } = head.feeds(rows, { scale: SCALE, lead: LEAD });
      const b = new GraphBuilder();
      const hidden = b.input("hidden", "float32", [head.states, WIDTH]);
      const headWeight = b.input("weight", "float32", [own.labels.length, WIDTH]);
      const { loss, logits, features } = head.loss(b, { hidden, headWeight });
      const [gradient] = addGradients(b, loss, [headWeight]);
      const graph = b.build([loss, logits, features, gradient!]);
      // The body's states of the chosen tokens.
      const flat = drawn(1, [3 * LEAD + 7, WIDTH]);
      const chosen = Array.from(feeds["rows"] as BigInt64Array, Number);
      const states = chosen.flatMap((at) => [...flat.data.subarray(WIDTH * at, WIDTH * (at + 1))]);
      const weight = drawn(2, [own.labels.length, WIDTH]);
      const sizes = { B: rows.length, R };
      const fed: Record<string, Tensor64> = { hidden: tensor([R, WIDTH], states), weight };
      for (const { name, shape } of graph.inputs) {
        const data = feeds[name];
        if (!data) continue;
        const known: Record<string, number> = { ...sizes, "4*B": 4 * rows.length };
        fed[name] = tensor(
          shape.map((dim) => (typeof dim === "number" ? dim : known[dim]!)),
          Array.from(data, Number),
        );
      }
      const results = interpret(graph, fed, sizes);
      // In plain arithmetic, row by row.
      const expected = { loss: 0, gradient: new Float64Array(weight.data.length) };
      rows.forEach(({ example }, row) => {
        const feature = Float32Array.from(
          results[2]!.data.subarray(WIDTH * row, WIDTH * (row + 1)),
        );
        const answered = headLogits(Float32Array.from(weight.data), feature, own.labels.length);
        const part = head.rowLoss(answered, example);
        const share = SCALE * example.weights[0]!;
        expected.loss += share * part.loss;
        part.gradient.forEach((slope, k) =>
          feature.forEach(
            (value, c) => (expected.gradient[WIDTH * k + c]! += share * slope * value),
          ),
        );
      });
      assertClose(results[0]!.data, [expected.loss], { rtol: 1e-6 }, "loss");
      assertClose(results[3]!.data, expected.gradient, { rtol: 1e-6 }, "gradient");
    });
  }
}

test("what is pooled: rows of 4, 1 and 2 tokens after two virtual ones each", () => {
  const chosen = (pooling: Classifier["pooling"]) => {
    const { feeds, R } = classificationHead(classifier("single-label", pooling)).feeds(
      rowsOf("single-label"),
      { scale: 1, lead: LEAD },
    );
    const rows = Array.from(feeds["rows"] as BigInt64Array, Number);
    assert.equal(R, rows.length);
    return { rows, feeds };
  };
  // Flat places: v v 2 3 4 5 | v v 8 | v v 11 12.
  assert.deepEqual(chosen("first").rows, [2, 8, 11]);
  assert.deepEqual(chosen("last").rows, [5, 8, 12]);
  const { rows, feeds } = chosen("mean");
  assert.deepEqual(rows, [2, 3, 4, 5, 8, 11, 12]);
  const quarter = [0.25, 0.25, 0.25, 0.25, 0, 0, 0];
  assert.deepEqual(
    [...(feeds["pool"] as Float32Array)],
    [...quarter, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5],
  );
});

for (const problem of ["single-label", "multi-label", "regression"] as const) {
  test(`${problem}: a row's gradient equals finite differences of its loss`, () => {
    const head = classificationHead(classifier(problem, "last"));
    const step = 2 ** -8;
    rowsOf(problem).forEach(({ example }, row) => {
      // Sums of powers of two: exact in float32 with and without the step.
      const logits = Float32Array.from(
        problem === "regression" ? [1.5] : [0.5, -1.25, 2, -0.75],
        (value) => value * (row + 1),
      );
      const at = (k: number, change: number): number =>
        head.rowLoss(logits.with(k, logits[k]! + change), example).loss;
      const { gradient } = head.rowLoss(logits, example);
      const expected = Array.from(logits, (_, k) => (at(k, step) - at(k, -step)) / (2 * step));
      // Central differences err by step²/6 of a third derivative below 1.
      assertClose(gradient, expected, { atol: step ** 2 / 6 }, `row ${row}`);
    });
  });
}

test("logits of hundreds cost what they are apart, and never overflow", () => {
  const far = Float32Array.of(300, -300, 0, 0);
  const label = (one: NonNullable<Example["label"]>): Example => ({
    ids: new Int32Array(1),
    weights: new Float32Array(1),
    line: 1,
    label: one,
  });
  const single = classificationHead(classifier("single-label", "last"));
  assert.equal(single.rowLoss(far, label(1)).loss, 600);
  assert.equal(single.rowLoss(far, label(0)).loss, 0);
  const several = classificationHead(classifier("multi-label", "last"));
  // Labels 0 and 1 both wrong by 300, the other two undecided: a mean over four.
  const { loss, gradient } = several.rowLoss(far, label([1]));
  assertClose([loss], [(600 + 2 * Math.log(2)) / 4], { rtol: 1e-12 });
  assertClose(gradient, [1 / 4, -1 / 4, 1 / 8, 1 / 8], { atol: 1e-12 });
});

test("what is given, what is right, and what is said of each label", () => {
  const answer = (label: NonNullable<Example["label"]>, ...logits: number[]) => ({
    example: { ids: new Int32Array(1), weights: new Float32Array(1), line: 1, label },
    logits: Float32Array.from(logits),
    features: new Float32Array(0),
  });
  assert.deepEqual(givenLabels(Float32Array.of(-3, -1, -2), "single-label"), [1]);
  assert.deepEqual(givenLabels(Float32Array.of(1, -1, 0, 2), "multi-label"), [0, 3]);
  assert.deepEqual(givenLabels(Float32Array.of(7), "regression"), []);
  assert.equal(isRight(answer(1, -3, -1, -2), "single-label"), true);
  assert.equal(isRight(answer(0, -3, -1, -2), "single-label"), false);
  // In any order, but all of them and no more.
  assert.equal(isRight(answer([3, 0], 1, -1, 0, 2), "multi-label"), true);
  assert.equal(isRight(answer([3], 1, -1, 0, 2), "multi-label"), false);
  assert.equal(isRight(answer([], -1, -1), "multi-label"), true);
  assert.equal(isRight(answer(7, 7), "regression"), false);
  const shares = labelValues(Float32Array.of(Math.log(1), Math.log(3)), "single-label");
  assertClose(shares, [1 / 4, 3 / 4], { atol: 1e-7 });
  const apart = labelValues(Float32Array.of(0, Math.log(3), -800), "multi-label");
  assertClose(apart, [1 / 2, 3 / 4, 0], { atol: 1e-7 });
  assert.deepEqual(labelValues(Float32Array.of(-2.5), "regression"), [-2.5]);
});
