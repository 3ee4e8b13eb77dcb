import assert from "node:assert/strict";
import test from "node:test";
import { MetricStore } from "../../../media/run-panel/metric-store.ts";
import { summarise } from "../../../media/run-panel/summary.ts";
import type { Metric, RunState } from "../../../src/protocol/run-folder.ts";
import { objectiveView } from "../../../src/protocol/objectives.ts";
import { toColumns } from "../../../src/ui/panels/metric-columns.ts";
import { runView } from "./run-view.ts";

function figures(metrics: Metric[], state?: Partial<RunState>): Map<string, string> {
  const store = new MetricStore();
  store.append(toColumns(metrics));
  const whole: RunState = { status: "running", step: 1, createdAt: "", ...state };
  const shown = summarise(store, {
    objective: objectiveView(undefined),
    ...(state ? { state: whole } : {}),
  });
  return new Map(shown.map((f) => [f.label, `${f.value} | ${f.note}`]));
}

const evaluation = (step: number, evalLoss: number): Metric => ({
  step,
  epoch: 0,
  evalLoss,
  elapsedMs: step,
});

test("tells the last and the best evaluation and the fall since the start", () => {
  const shown = figures([evaluation(0, 4), evaluation(50, 2), evaluation(100, 3)]);
  assert.equal(shown.get("Eval loss"), "3.000 | at step 100");
  assert.equal(shown.get("Best eval loss"), "2.000 | at step 50");
  assert.equal(shown.get("Change"), "−25.0 % | from 4.000 at step 0");
  assert.equal(shown.get("Perplexity"), "20.09 | exp(eval loss)");
});

test("a first evaluation is compared with nothing", () => {
  const shown = figures([evaluation(0, 4)]);
  assert.deepEqual([...shown.keys()], ["Eval loss", "Perplexity"]);
});

test("without evaluations the train loss stands in", () => {
  const shown = figures([{ step: 1, epoch: 0, loss: 2.5, elapsedMs: 1 }]);
  assert.equal(shown.get("Train loss"), "2.500 | at the last step");
});

test("tells the share that is trained and the peak of memory", () => {
  const row = (step: number, rssBytes: number) => ({ step, epoch: 0, elapsedMs: step, rssBytes });
  const shown = figures([row(1, 2e9), row(2, 1e9)], {
    trainableParameters: 2_000_000,
    totalParameters: 100_000_000,
  });
  assert.equal(shown.get("Trainable"), "2 M | 2 % of 100 M");
  assert.equal(shown.get("Memory"), "1.00 GB | peak 2.00 GB");
});

test("a run that has not begun shows nothing", () => {
  assert.equal(figures([]).size, 0);
});

function ofRun(metrics: Metric[], state: Partial<RunState>): Map<string, string> {
  const store = new MetricStore();
  store.append(toColumns(metrics));
  const view = runView();
  const whole = { ...view, state: { ...view.state, createdAt: "", step: 1, ...state } as RunState };
  return new Map(summarise(store, whole).map((f) => [f.label, `${f.value} | ${f.note}`]));
}

test("once it has ended the figures are those of the weights that were kept", () => {
  const rows = [evaluation(0, 4), evaluation(50, 2), evaluation(100, 3)];
  const shown = ofRun(rows, { status: "finished", bestStep: 50, bestEvalLoss: 2 });
  assert.equal(shown.get("Eval loss"), "2.000 | at step 50, kept");
  assert.equal(shown.get("Last eval loss"), "3.000 | at step 100");
  assert.equal(shown.get("Change"), "−50.0 % | from 4.000 at step 0");
  assert.equal(shown.get("Perplexity"), "7.389 | exp(eval loss)");
  const running = ofRun(rows, { status: "running", bestStep: 50, bestEvalLoss: 2 });
  assert.equal(running.get("Eval loss"), "3.000 | at step 100");
});

test("figures that are still to come have their place from the start", () => {
  const labels = (rows: Metric[]) => [...ofRun(rows, { status: "running" }).keys()];
  const begun = labels([]);
  assert.deepEqual(begun, ["Eval loss", "Best eval loss", "Change", "Perplexity", "Accuracy"]);
  const withAccuracy = (step: number) => ({ ...evaluation(step, 2), evalAccuracy: 0.5 });
  assert.deepEqual(labels([withAccuracy(0)]), begun);
  assert.deepEqual(labels([withAccuracy(0), withAccuracy(5)]), begun);
});
