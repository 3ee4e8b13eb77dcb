import assert from "node:assert/strict";
import test from "node:test";
import { MetricStore } from "../../../media/run-panel/metric-store.ts";
import { summarise } from "../../../media/run-panel/summary.ts";
import type { Metric, RunState } from "../../../src/protocol/run-folder.ts";
import { toColumns } from "../../../src/ui/panels/metric-columns.ts";

function figures(metrics: Metric[], state?: Partial<RunState>): Map<string, string> {
  const store = new MetricStore();
  store.append(toColumns(metrics));
  const whole: RunState = { status: "running", step: 1, createdAt: "", ...state };
  const shown = summarise(store, state ? { state: whole } : {});
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
