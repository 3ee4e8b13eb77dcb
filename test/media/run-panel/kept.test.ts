import assert from "node:assert/strict";
import test from "node:test";
import { keptMark } from "../../../media/run-panel/kept.ts";
import { runView } from "./run-view.ts";

const { recipe } = runView();
const state = { status: "running", step: 9, createdAt: "", bestStep: 5 } as const;

test("the best step is marked, as kept once the run has ended", () => {
  assert.ok(recipe);
  assert.deepEqual(keptMark({ recipe, state }), { step: 5, label: "best so far" });
  const ended = { ...state, status: "stopped" } as const;
  assert.deepEqual(keptMark({ recipe, state: ended }), { step: 5, label: "kept" });
});

test("nothing is marked where the last weights are kept, or nothing was evaluated", () => {
  assert.ok(recipe);
  assert.equal(keptMark({ recipe: { ...recipe, keepBest: false }, state }), undefined);
  assert.equal(
    keptMark({ recipe, state: { status: "running", step: 9, createdAt: "" } }),
    undefined,
  );
  assert.equal(keptMark({}), undefined);
});
