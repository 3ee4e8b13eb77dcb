import assert from "node:assert/strict";
import { test } from "node:test";
import { CHART_SPECS, objectiveChart, seriesOf } from "../../../media/run-panel/chart-specs.ts";
import { OBJECTIVES } from "../../../src/protocol/objectives.ts";
import type { Metric } from "../../../src/protocol/run-folder.ts";

test("every line is a number that the trainer writes of each step", () => {
  const written: (keyof Metric)[] = [
    "loss",
    "evalLoss",
    "learningRate",
    "gradNorm",
    "tokensPerSecond",
  ];
  assert.deepEqual(
    CHART_SPECS.flatMap(({ lines }) => lines.map(({ column }) => column)),
    written,
  );
});

test("the loss is the large chart, and the only one beside the gradients' with a log scale", () => {
  const heights = CHART_SPECS.map(({ height }) => height);
  assert.equal(CHART_SPECS[0]?.title, "Loss");
  assert.ok(heights.slice(1).every((height) => height < heights[0]!));
  assert.deepEqual(
    CHART_SPECS.filter(({ canLog }) => canLog).map(({ title }) => title),
    ["Loss", "Gradient norm"],
  );
});

test("a smoothed line has its raw values behind it, in its own colour", () => {
  const line = { column: "loss", label: "", color: "train" } as const;
  assert.deepEqual(seriesOf({ ...line, look: "smoothed" }), [
    { color: "train", look: "faint" },
    { color: "train", look: "line" },
  ]);
  assert.deepEqual(seriesOf({ ...line, look: "plain" }), [{ color: "train", look: "line" }]);
  assert.deepEqual(seriesOf({ ...line, look: "points" }), [{ color: "train", look: "points" }]);
});

test("an objective's chart draws its own figures, and waits for the one that it needs", () => {
  const charts = OBJECTIVES.all.flatMap((objective) => objective.charts);
  assert.ok(charts.length > 0);
  for (const facts of charts) {
    const spec = objectiveChart(facts);
    assert.equal(spec.title, facts.title);
    assert.deepEqual(
      spec.lines.map(({ column }) => column),
      facts.lines.map(({ figure }) => figure),
    );
    assert.ok(spec.lines.every((line) => !("figure" in line)));
    assert.ok(
      spec.lines.some(({ column }) => column === spec.needs),
      facts.title,
    );
    assert.equal(spec.canLog, false);
  }
});
