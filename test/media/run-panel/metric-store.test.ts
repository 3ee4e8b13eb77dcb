import assert from "node:assert/strict";
import test from "node:test";
import { MetricStore } from "../../../media/run-panel/metric-store.ts";
import type { Metric } from "../../../src/protocol/run-folder.ts";
import { toColumns } from "../../../src/ui/panels/metric-columns.ts";

const train = (step: number, loss = step): Metric => ({
  step,
  epoch: step / 10,
  loss,
  elapsedMs: step * 100,
});

function storeOf(...metrics: Metric[]): MetricStore {
  const store = new MetricStore();
  store.append(toColumns(metrics));
  return store;
}

test("the train and the evaluation line of a step become one row", () => {
  const store = storeOf(train(1), { step: 1, epoch: 0.1, evalLoss: 2, elapsedMs: 150 }, train(2));
  assert.deepEqual([...store.step], [1, 2]);
  assert.equal(store.value("loss", 0), 1);
  assert.equal(store.value("evalLoss", 0), 2);
  assert.deepEqual(store.rowsWith("evalLoss"), [0]);
});

test("a step that goes back drops what came after it", () => {
  const store = storeOf(train(1), train(2), train(3), train(2, 9));
  assert.deepEqual([...store.step], [1, 2]);
  assert.equal(store.value("loss", 1), 9);
});

test("rows of a dropped part leave no value behind", () => {
  const store = storeOf({ ...train(1), evalLoss: 5 }, { ...train(2), evalLoss: 4 }, train(1));
  assert.deepEqual(store.rowsWith("evalLoss"), []);
});

test("time never runs backwards", () => {
  const store = storeOf(train(5), { ...train(6), elapsedMs: 10 }, train(7));
  assert.deepEqual([...store.column("elapsedMs")], [500, 500, 700]);
});

test("grows beyond its first capacity and keeps every value", () => {
  const store = new MetricStore();
  for (let batch = 0; batch < 5; batch += 1) {
    const metrics = Array.from({ length: 1000 }, (_, i) => train(batch * 1000 + i + 1));
    store.append(toColumns(metrics));
  }
  assert.equal(store.size, 5000);
  assert.ok(store.column("loss").every((loss, row) => loss === row + 1));
  assert.equal(store.last("loss"), 5000);
  assert.equal(store.last("evalLoss"), undefined);
});

test("a reset starts over", () => {
  const store = storeOf(train(1), train(2));
  store.clear();
  store.append(toColumns([train(1, 7)]));
  assert.deepEqual([...store.column("loss")], [7]);
});
