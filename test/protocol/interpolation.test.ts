import assert from "node:assert/strict";
import { test } from "node:test";
import {
  INTERPOLATION_FILES,
  MAX_ALPHAS,
  interpolationPointSchema,
  interpolationSchema,
  interpolationStateSchema,
} from "../../src/protocol/interpolation.ts";
import { RUN_FILES } from "../../src/protocol/run-folder.ts";
import { issueText } from "../../src/util/json.ts";

const WHOLE = {
  version: 1,
  name: "mails",
  base: "/m/base",
  tuned: "/m/tuned",
  alphas: [0, 0.5, 1],
  data: [{ name: "test", file: "/d/test.jsonl", role: "shifted" }],
  createdAt: "2026-11-27T22:00:00.000Z",
} as const;

const { tuned: _, ...UNTUNED } = WHOLE;
const refusal = (change: object, whole: object = WHOLE): string => {
  const { error } = interpolationSchema.safeParse({ ...whole, ...change });
  assert.ok(error, JSON.stringify(change));
  return issueText(error);
};

test("its end is a model or an adapter, never both and never none", () => {
  assert.deepEqual(interpolationSchema.parse(WHOLE), WHOLE);
  const adapted = { ...UNTUNED, adapter: "/a" };
  assert.deepEqual(interpolationSchema.parse(adapted), adapted);
  assert.equal(refusal({ adapter: "/a" }), "needs tuned or adapter, and not both");
  assert.equal(refusal({}, UNTUNED), "needs tuned or adapter, and not both");
});

test("alphas lie between the two models, from one to a hundred and one of them", () => {
  const hundredths = Array.from({ length: MAX_ALPHAS }, (_one, i) => i / 100);
  assert.equal(hundredths.at(-1), 1);
  assert.ok(interpolationSchema.safeParse({ ...WHOLE, alphas: hundredths }).success);
  assert.match(refusal({ alphas: [...hundredths, 0.5] }), /^alphas: /);
  assert.match(refusal({ alphas: [] }), /^alphas: /);
  assert.match(refusal({ alphas: [0, 1.01] }), /^alphas\.1: /);
  assert.match(refusal({ alphas: [-0.01] }), /^alphas\.0: /);
  assert.match(refusal({ alphas: [Number.NaN] }), /^alphas\.0: /);
});

test("each data set has a part in the question, and says when the model was trained on it", () => {
  const data = (change: object) => ({ data: [{ ...WHOLE.data[0], ...change }] });
  for (const role of ["validation", "in-distribution", "shifted"]) {
    assert.ok(interpolationSchema.safeParse({ ...WHOLE, ...data({ role }) }).success, role);
  }
  assert.ok(interpolationSchema.safeParse({ ...WHOLE, ...data({ isTrainingData: true }) }).success);
  assert.match(refusal(data({ role: "test" })), /^data\.0\.role: /);
  assert.match(refusal(data({ isTrainingData: false })), /^data\.0\.isTrainingData: /);
  assert.match(refusal(data({ name: "" })), /^data\.0\.name: /);
  assert.match(refusal({ data: [] }), /^data: /);
  assert.match(refusal({ data: Array.from({ length: 33 }, () => WHOLE.data[0]) }), /^data: /);
});

test("another version's definition is not taken for one of ours", () => {
  assert.match(refusal({ version: 2 }), /^version: /);
  assert.match(refusal({ maxLength: 0 }), /^maxLength: /);
});

test("a point keeps every figure, and needs the loss of each data set", () => {
  const point = {
    alpha: 0.3,
    results: { a: { loss: 1, calibration: 0.2 }, b: { loss: 2, rows: 3 } },
  };
  assert.deepEqual(interpolationPointSchema.parse(point), point);
  assert.ok(
    !interpolationPointSchema.safeParse({ alpha: 0.3, results: { a: { accuracy: 1 } } }).success,
  );
  assert.ok(
    !interpolationPointSchema.safeParse({ alpha: 0.3, results: { a: { loss: 1, rows: 0.5 } } })
      .success,
  );
  assert.ok(!interpolationPointSchema.safeParse({ alpha: 2, results: {} }).success);
});

test("its state is a run's without steps, and a newer version's keys stay in it", () => {
  const state = { status: "running", createdAt: WHOLE.createdAt, phase: "alpha 0.3", shards: 2 };
  assert.deepEqual(interpolationStateSchema.parse(state), state);
  assert.ok(!interpolationStateSchema.safeParse({ ...state, status: "interrupted" }).success);
});

test("what a run has too is called as a run calls it", () => {
  for (const file of ["state", "log", "control"] as const) {
    assert.equal(INTERPOLATION_FILES[file], RUN_FILES[file]);
  }
});
