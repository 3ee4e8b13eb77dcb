import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunState } from "../../src/protocol/run-folder.ts";
import type { Run } from "../../src/run-folder/run.ts";
import { describeRun, endSentence, figureOf, runRowText } from "../../src/ui/run-text.ts";

const NOW = new Date(2026, 10, 27, 15, 0).getTime();
const ENDED = new Date(2026, 10, 27, 14, 2).toISOString();

function run(state: Partial<RunState>, recipe: object = { method: { type: "ia3" } }): Run {
  const whole: RunState = {
    status: "finished",
    step: 9,
    createdAt: ENDED,
    endedAt: ENDED,
    ...state,
  };
  return {
    dir: "/runs/a",
    id: "a",
    name: "a",
    status: whole.status,
    state: whole,
    recipe: recipe as NonNullable<Run["recipe"]>,
    hasAdapter: true,
    hasModel: false,
    hasCheckpoint: true,
  };
}

test("a row says figure, method and time, and a picker what the figure is", () => {
  const finished = run({ evalLoss: 3, bestEvalLoss: 2.5, elapsedMs: 1000 });
  assert.equal(runRowText(finished, NOW), "2.500 · (IA)³ · 14:02");
  assert.equal(describeRun(finished, NOW), "eval loss 2.500 · (IA)³ · 14:02");
  const dora = run({ loss: 1 }, { method: { type: "lora", variant: "dora" } });
  assert.equal(runRowText(dora, NOW), "1.000 · DoRA · 14:02");
});

test("of a run that keeps its last weights the last figure is told, not the best", () => {
  const state = { evalLoss: 3, bestEvalLoss: 2.5, bestStep: 4 };
  assert.equal(figureOf(run(state, { keepBest: false }))?.value, "3.000");
  assert.equal(figureOf(run(state, { keepBest: true }))?.value, "2.500");
  assert.match(endSentence(run(state, { keepBest: true })), /eval loss 2\.500\./);
});

test("a run that did not finish says why in its row", () => {
  const stopped = run({ status: "stopped", step: 5, totalSteps: 12, evalAccuracy: 0.5 });
  assert.equal(runRowText(stopped, NOW), "stopped at 5/12 · accuracy 50.0 % · (IA)³ · 14:02");
  assert.equal(runRowText(run({ status: "failed", message: "no rows" }), NOW), "no rows");
});
