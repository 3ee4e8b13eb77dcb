import assert from "node:assert/strict";
import test from "node:test";
import { MetricStore } from "../../../media/run-panel/metric-store.ts";
import { positionOf } from "../../../media/run-panel/position.ts";
import { toColumns } from "../../../src/ui/panels/metric-columns.ts";

const state = { status: "running", step: 210, epoch: 6.58, createdAt: "" } as const;

test("header and chart speak of one step and its epoch, whichever file came first", () => {
  const store = new MetricStore();
  store.append(toColumns([{ step: 220, epoch: 6.67, loss: 1, elapsedMs: 1 }]));
  assert.deepEqual(positionOf(store, { state }), { step: 220, epoch: 6.67 });
  const later = { ...state, step: 230, epoch: 7 };
  assert.deepEqual(positionOf(store, { state: later }), { step: 230, epoch: 7 });
  assert.deepEqual(positionOf(new MetricStore(), { state }), { step: 210, epoch: 6.58 });
  assert.deepEqual(positionOf(new MetricStore(), {}), { step: 0, epoch: undefined });
});
