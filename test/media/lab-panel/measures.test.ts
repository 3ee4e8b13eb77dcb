import assert from "node:assert/strict";
import test from "node:test";
import {
  defaultAxes,
  defaultMetric,
  formatFigure,
  measuresOf,
  metricsOf,
  nearestAlpha,
  valueAt,
} from "../../../media/lab-panel/measures.ts";
import type { DataRole, InterpolationPoint } from "../../../src/protocol/interpolation.ts";

const data = (...roles: [name: string, role: DataRole][]) =>
  roles.map(([name, role]) => ({ name, file: `/${name}.jsonl`, role }));

const point = (alpha: number, results: InterpolationPoint["results"]): InterpolationPoint => ({
  alpha,
  results,
});

test("only figures that are there can be chosen; labelled rows are judged by accuracy", () => {
  const texts = [point(0, { own: { loss: 2, accuracy: 0.5, perplexity: 7.4, rows: 8 } })];
  assert.deepEqual(
    metricsOf(texts).map(({ key }) => key),
    ["accuracy", "loss", "perplexity"],
  );
  assert.equal(defaultMetric(texts), "loss");
  const rows = [point(0, { own: { loss: 2, accuracy: 0.5, macroF1: 0.4 } })];
  assert.equal(defaultMetric(rows), "accuracy");
});

test("the axes are the in-distribution test and the shifted one, their mean where there are more", () => {
  const plain = defaultAxes(data(["v", "validation"], ["s", "shifted"], ["i", "in-distribution"]));
  assert.deepEqual([plain?.x.id, plain?.y.id], ["data:i", "data:s"]);
  const shifts = defaultAxes(data(["i", "in-distribution"], ["a", "shifted"], ["b", "shifted"]));
  assert.deepEqual([shifts?.y.id, shifts?.y.label], ["mean:shifted", "mean of 2 shifted"]);
});

test("without a shifted test another set stands in; one set alone makes no two axes", () => {
  const axes = defaultAxes(data(["v", "validation"], ["i", "in-distribution"]));
  assert.deepEqual([axes?.x.id, axes?.y.id], ["data:i", "data:v"]);
  assert.equal(defaultAxes(data(["i", "in-distribution"])), undefined);
});

test("a mean needs the figure of every set", () => {
  const names = ["a", "b"];
  assert.equal(valueAt(point(0, { a: { loss: 1 }, b: { loss: 3 } }), { names }, "loss"), 2);
  assert.equal(valueAt(point(0, { a: { loss: 1 } }), { names }, "loss"), undefined);
  assert.equal(
    valueAt(point(0, { a: { loss: NaN }, b: { loss: 1 } }), { names }, "loss"),
    undefined,
  );
});

test("shares are percentages, the rest as it is; what is not known is a dash", () => {
  const results = { a: { loss: 2.5, accuracy: 0.123 } };
  const [accuracy, loss] = metricsOf([point(0, results)]);
  assert.equal(formatFigure(0.123, accuracy!), "12.3 %");
  assert.equal(formatFigure(2.5, loss!), "2.500");
  assert.equal(formatFigure(undefined, loss!), "–");
});

test("the nearest measured alpha is found, and none among none", () => {
  const points = [0, 0.25, 1].map((alpha) => point(alpha, {}));
  assert.equal(nearestAlpha(points, 0.5), 0.25);
  assert.equal(nearestAlpha([], 0.5), undefined);
  assert.deepEqual(measuresOf([]), []);
});
