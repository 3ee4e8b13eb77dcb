import assert from "node:assert/strict";
import { test } from "node:test";
import type { InterpolationState } from "../../src/protocol/interpolation.ts";
import { RUN_STATUSES, type RunStatus } from "../../src/protocol/run-folder.ts";
import type { Interpolation } from "../../src/runs/interpolations/interpolation.ts";
import {
  describeInterpolation,
  interpolationEndSentence,
  pointsText,
} from "../../src/ui/interpolation-text.ts";

// The time zone of the machine, as the words have it.
const NOW = new Date(2026, 10, 27, 15, 0).getTime();
const CREATED = new Date(2026, 10, 27, 13, 30).toISOString();
const ENDED = new Date(2026, 10, 27, 14, 2).toISOString();

/** Three alphas, of which the first two are measured; the middle one has the lower loss. */
function interpolation(
  status: RunStatus,
  state: Partial<InterpolationState> = { endedAt: ENDED },
  changes: Partial<Interpolation> = {},
): Interpolation {
  return {
    dir: "/i/a",
    id: "a",
    name: "tiny to topics",
    status,
    // Interrupted is what others see of one that still says it runs.
    state: {
      status: status === "interrupted" ? "running" : status,
      createdAt: CREATED,
      ...state,
    },
    definition: {
      version: 1,
      name: "tiny to topics",
      base: "/models/tiny",
      adapter: "/a",
      alphas: [0, 0.5, 1],
      data: [{ name: "own", file: "/own.jsonl", role: "validation" }],
      createdAt: CREATED,
    },
    points: [
      { alpha: 0, results: { own: { loss: 2 } } },
      { alpha: 0.5, results: { own: { loss: 1 } } },
    ],
    ...changes,
  };
}
const words = (...args: Parameters<typeof interpolation>): string =>
  describeInterpolation(interpolation(...args), NOW);

test("a finished one says which alpha it recommends and when it ended", () => {
  assert.equal(words("finished"), "alpha 0.5 · 14:02");
});

test("without validation data no alpha is recommended, so the row counts", () => {
  const { definition } = interpolation("finished");
  const data = [{ name: "own", file: "/own.jsonl", role: "shifted" as const }];
  const tested = { definition: { ...definition!, data } };
  assert.equal(words("finished", { endedAt: ENDED }, tested), "2/3 alphas · 14:02");
});

test("a live one says how far it is and what it does", () => {
  assert.equal(words("queued"), "waiting to start");
  assert.equal(words("starting", {}), "2/3 alphas");
  assert.equal(words("running", { phase: "alpha 1: mixing" }), "2/3 alphas · alpha 1: mixing");
  assert.equal(words("stopping", { phase: "alpha 1: mixing" }), "2/3 alphas · stopping");
});

test("one that ended early says where; a time that it did not write is that of its start", () => {
  assert.equal(words("stopped"), "stopped at 2/3 alphas · 14:02");
  assert.equal(words("interrupted", {}), "interrupted at 2/3 alphas · 13:30");
  assert.equal(words("failed", { message: "own.jsonl:3: no text" }), "own.jsonl:3: no text");
  assert.equal(words("failed", {}), "failed");
});

test("of a folder that is broken the row says what is, whatever the state", () => {
  const problem = "state.json: not JSON";
  for (const status of RUN_STATUSES) {
    assert.equal(words(status, {}, { problem }), problem, status);
    const { state: _, ...stateless } = interpolation(status);
    assert.equal(describeInterpolation(stateless, NOW), "can't be read", status);
  }
});

test("points are counted against what was asked for, where that is known", () => {
  assert.equal(pointsText(interpolation("running")), "2/3 alphas");
  const { definition: _, ...unknown } = interpolation("running");
  assert.equal(pointsText(unknown), "");
});

test("the sentence at the end is the advice, the reason, or the way on", () => {
  const sentence = (...args: Parameters<typeof interpolation>) =>
    interpolationEndSentence(interpolation(...args));
  assert.equal(
    sentence("finished"),
    "tiny to topics: Alpha 0.5: the lowest loss (1.0000) on own, with 1 still to come.",
  );
  assert.equal(sentence("failed", { message: "no rows" }), "tiny to topics failed: no rows");
  assert.equal(
    sentence("failed", {}, { problem: "state.json: not JSON" }),
    "tiny to topics failed: state.json: not JSON",
  );
  assert.equal(sentence("failed", {}), "tiny to topics failed: no reason was written");
  assert.equal(
    sentence("interrupted"),
    "tiny to topics was interrupted at 2/3 alphas: its process is gone. Continue computes the others.",
  );
  for (const status of ["queued", "starting", "running", "stopping", "stopped"] as const) {
    assert.equal(sentence(status), `tiny to topics is ${status}.`);
  }
});
