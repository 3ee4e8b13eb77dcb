import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricStore } from "../../../media/run-panel/metric-store.ts";
import type { Metric } from "../../../src/protocol/run-folder.ts";
import { toColumns } from "../../../src/ui/panels/metric-columns.ts";
import { Dice } from "../../support/fuzz/dice.ts";

test("rows become columns of one length, null where a row says nothing", () => {
  const rows: Metric[] = [
    { step: 1, epoch: 0.5, elapsedMs: 10, loss: 2 },
    { step: 1, epoch: 0.5, elapsedMs: 11, evalLoss: 3 },
    { step: 2, epoch: 1, elapsedMs: 20, loss: 0 },
  ];
  assert.deepEqual(toColumns(rows), {
    step: [1, 1, 2],
    epoch: [0.5, 0.5, 1],
    elapsedMs: [10, 11, 20],
    loss: [2, null, 0],
    evalLoss: [null, 3, null],
  });
});

test("without a row there is still the column that the page counts by", () => {
  assert.deepEqual(toColumns([]), { step: [] });
});

test("what the page stores of them is what the rows said, a figure of an objective too", () => {
  for (let seed = 0; seed < 50; seed++) {
    const dice = new Dice(seed);
    let step = 0;
    const rows = Array.from({ length: 1 + dice.int(20) }, (): Metric => {
      step += 1 + dice.int(3);
      const figure = dice.int(2) === 0 ? {} : { evalAccuracy: dice.int(100) / 100 };
      return { step, epoch: step / 10, elapsedMs: step * 7, loss: dice.int(1000) / 100, ...figure };
    });
    const store = new MetricStore();
    store.append(toColumns(rows));
    const told = (name: string) => rows.map((row) => row[name] ?? NaN);
    assert.deepEqual([...store.step], told("step"), `seed ${seed}`);
    assert.deepEqual([...store.column("loss")], told("loss"), `seed ${seed}`);
    if (rows.some((row) => "evalAccuracy" in row)) {
      assert.deepEqual([...store.column("evalAccuracy")], told("evalAccuracy"), `seed ${seed}`);
    }
  }
});
