/** The objectives that a recipe can name: figures and charts fit together, and one that is not known is shown by its name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_OBJECTIVE,
  OBJECTIVES,
  figureOfBest,
  headObjectives,
  labelling,
  objectiveFacts,
  objectiveSchema,
  objectiveView,
  trainsHead,
  writesText,
} from "../../src/protocol/objectives.ts";
import { classification } from "../../src/protocol/objectives/classification.ts";

test("every objective's name alone is a recipe's objective", () => {
  for (const { name, schema } of OBJECTIVES.all) {
    assert.deepEqual(objectiveSchema.parse({ type: name }), schema.parse({ type: name }));
  }
  assert.ok(OBJECTIVES.find(DEFAULT_OBJECTIVE));
  assert.equal(objectiveSchema.safeParse({ type: "dpo" }).success, false);
});

test("a chart draws figures that the objective has, and waits for one of its own lines", () => {
  for (const { name, figures, charts } of OBJECTIVES.all) {
    const known = figures.map((figure) => figure.name);
    assert.equal(new Set(known).size, known.length, name);
    for (const { title, lines, needs } of charts) {
      const drawn = lines.map(({ figure }) => figure);
      for (const figure of drawn) assert.ok(known.includes(figure), `${name}: ${title}: ${figure}`);
      assert.ok(drawn.includes(needs), title);
    }
  }
});

test("bestBy finds the figure that it names; the loss is none", () => {
  const of = (type: string, bestBy: string) => figureOfBest({ objective: { type }, bestBy })?.name;
  assert.equal(of("sft", "loss"), undefined);
  assert.equal(of("sft", "accuracy"), "evalAccuracy");
  assert.equal(of("sft", "macroF1"), undefined);
  assert.equal(of("classification", "loss"), undefined);
  assert.equal(of("classification", "accuracy"), "evalAccuracy");
  assert.equal(of("classification", "macroF1"), "evalMacroF1");
  assert.throws(() => of("dpo", "loss"), {
    message: "there is no objective dpo; known: sft, classification",
  });
});

test("a classifier has a new head and writes no text; of what is not known text is expected", () => {
  const heads = OBJECTIVES.all
    .filter((one) => trainsHead({ type: one.name }))
    .map(({ name }) => name);
  assert.deepEqual(heads, ["classification"]);
  assert.equal(headObjectives(), "classification");
  for (const [type, isWriter] of [
    ["sft", true],
    ["classification", false],
    ["dpo", true],
  ] as const) {
    assert.equal(writesText({ objective: { type } }), isWriter, type);
  }
  assert.equal(trainsHead({ type: "dpo" }), false);
  assert.throws(() => objectiveFacts({ type: "dpo" }), { name: "InputError" });
});

test("rows with labels are a single label's unless said otherwise, and a probe is asked for", () => {
  assert.deepEqual(labelling({}), { type: "classification" });
  assert.deepEqual(labelling({ problem: "single-label" }), { type: "classification" });
  assert.deepEqual(labelling({ problem: "regression", isProbed: true }), {
    type: "classification",
    problem: "regression",
    probe: {},
  });
  for (const isProbed of [true, false]) {
    for (const problem of ["single-label", "multi-label", "regression"] as const) {
      const read = classification.schema.parse(labelling({ problem, isProbed }));
      assert.equal(read.problem, problem);
      assert.deepEqual(read.probe, isProbed ? { epochs: 20, learningRate: 1e-3 } : undefined);
    }
  }
});

test("a recipe that can't be read shows the default's figures and no settings", () => {
  const view = objectiveView(undefined);
  assert.deepEqual(view.settings, []);
  assert.deepEqual(view.figures, objectiveFacts({ type: DEFAULT_OBJECTIVE }).figures);
  assert.deepEqual(objectiveView({ type: "dpo" }), {
    writesText: true,
    settings: [{ label: "Objective", value: "dpo" }],
    figures: [],
    charts: [],
  });
});

test("settings are what the recipe says", () => {
  const view = objectiveView(objectiveSchema.parse({ type: "sft", lossOn: "all" }));
  assert.deepEqual(view.settings, [{ label: "Loss on", value: "all tokens" }]);
  const probed = {
    type: "classification",
    problem: "multi-label",
    pooling: "mean",
    probe: { epochs: 5 },
  };
  assert.deepEqual(objectiveView(objectiveSchema.parse(probed as never)).settings, [
    { label: "Objective", value: "classification, multi-label" },
    { label: "Pooling", value: "mean" },
    { label: "Probe (LP-FT)", value: "5 epochs at 1e-3" },
  ]);
});

test("a report's headline is its accuracy, where it has one", () => {
  const { of } = classification.headline;
  assert.equal(of({ accuracy: 0 }), 0);
  assert.equal(of({ accuracy: 0.75, loss: 1 }), 0.75);
  for (const report of [{}, { accuracy: "0.75" }, { meanSquaredError: 1 }])
    assert.equal(of(report), undefined);
});

test("by labels no regression can be judged", () => {
  const found = (problem: string, bestBy: string) => {
    const objective = classification.schema.parse({ type: "classification", problem });
    return classification
      .contradictions({ objective, bestBy } as never)
      .map(({ keys }) => keys.join("."));
  };
  assert.deepEqual(found("regression", "loss"), []);
  assert.deepEqual(found("regression", "accuracy"), ["bestBy"]);
  assert.deepEqual(found("regression", "macroF1"), ["bestBy"]);
  assert.deepEqual(found("multi-label", "macroF1"), []);
});
