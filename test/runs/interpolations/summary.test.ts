import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  DataRole,
  InterpolationFigures,
  InterpolationPoint,
} from "../../../src/protocol/interpolation.ts";
import { summariseInterpolation } from "../../../src/runs/interpolations/summary.ts";

const ALPHAS = [0, 1, 0.25, 0.5, 0.75];

function data(...roles: DataRole[]) {
  return roles.map((role) => ({ name: role, file: `/${role}.jsonl`, role }));
}

/** One figure for each alpha, in ascending order, for each data set. */
function points(figures: Record<string, readonly InterpolationFigures[]>): InterpolationPoint[] {
  return [0, 0.25, 0.5, 0.75, 1].map((alpha, index) => ({
    alpha,
    results: Object.fromEntries(
      Object.entries(figures).map(([name, each]) => [name, each[index] ?? { loss: NaN }]),
    ),
  }));
}

const losses = (...values: number[]): InterpolationFigures[] => values.map((loss) => ({ loss }));

test("tests recommend nothing, however good they look", () => {
  const interpolation = { alphas: ALPHAS, data: data("in-distribution", "shifted") };
  const { recommended, advice } = summariseInterpolation(
    interpolation,
    points({ "in-distribution": losses(5, 4, 1, 4, 5), shifted: losses(5, 4, 1, 4, 5) }),
  );
  assert.equal(recommended, undefined);
  assert.match(advice, /nothing is recommended.*default is alpha 0\.5/);
});

test("validation recommends the lowest loss, whatever the tests say", () => {
  const interpolation = { alphas: ALPHAS, data: data("validation", "shifted") };
  const { recommended, advice } = summariseInterpolation(
    interpolation,
    points({ validation: losses(3, 2, 1.5, 1.2, 1.4), shifted: losses(1, 2, 3, 4, 5) }),
  );
  const { alpha, metric, by } = recommended!;
  assert.deepEqual({ alpha, metric, by }, { alpha: 0.75, metric: "loss", by: ["validation"] });
  assert.equal(advice, "Alpha 0.75: the lowest loss (1.2000) on validation.");
});

test("where rows are labelled the accuracy decides, and of equals the smaller alpha", () => {
  const labelled = [0.5, 0.9, 0.9, 0.8, 0.9].map((accuracy, index) => ({
    loss: 5 - index,
    accuracy,
    macroF1: accuracy,
  }));
  const interpolation = { alphas: ALPHAS, data: data("validation") };
  const { recommended } = summariseInterpolation(interpolation, points({ validation: labelled }));
  assert.equal(recommended!.alpha, 0.25);
  assert.equal(recommended!.metric, "accuracy");
});

test("a bow above the line between the ends is a barrier; a way straight or below is none", () => {
  const interpolation = { alphas: ALPHAS, data: data("in-distribution", "shifted", "validation") };
  const { barriers, warnings } = summariseInterpolation(
    interpolation,
    points({
      "in-distribution": losses(4, 3.5, 3, 2.5, 2),
      shifted: losses(1, 1.6, 2.5, 2.2, 2),
      validation: losses(4, 2, 1, 1, 1),
    }),
  );
  const barrier = { data: "shifted", alpha: 0.5, height: 1, isWorseThanBoth: true };
  assert.deepEqual(barriers, [barrier]);
  assert.match(warnings[0]!, /^shifted: .* alpha 0\.5 its loss is 1\.0000 above .* either end\.$/);
});

test("an interpolation under way says so, and tells no barrier before it has both ends", () => {
  const interpolation = { alphas: ALPHAS, data: data("validation") };
  const all = points({ validation: losses(1, 5, 5, 5, 1) });
  const { barriers, advice } = summariseInterpolation(interpolation, all.slice(0, 3));
  assert.deepEqual(barriers, []);
  assert.match(advice, /with 2 still to come/);
  assert.match(summariseInterpolation(interpolation, []).advice, /still to come/);
});

test("data that the fine-tune was trained on are named, and what they spoil", () => {
  const [valid, test] = data("validation", "in-distribution");
  assert.ok(valid && test);
  const trained = [
    { ...valid, isTrainingData: true as const },
    { ...test, isTrainingData: true as const },
  ];
  const { warnings } = summariseInterpolation({ alphas: ALPHAS, data: trained }, []);
  assert.match(
    warnings[0] ?? "",
    /^validation: the fine-tune was trained on these rows; .*nothing/,
  );
  assert.match(warnings[1] ?? "", /^in-distribution: .* by heart/);
  assert.deepEqual(
    summariseInterpolation({ alphas: ALPHAS, data: [valid, test] }, []).warnings,
    [],
  );
});
