import assert from "node:assert/strict";
import test from "node:test";
import { emptyText, headerView, progressView } from "../../../media/lab-panel/status.ts";
import { restoreView } from "../../../media/lab-panel/view-state.ts";
import type { SweepView } from "../../../src/protocol/lab-messages.ts";
import type { RunStatus } from "../../../src/protocol/run-folder.ts";

const CREATED = "2026-11-24T10:00:00Z";

function sweepView(status: RunStatus, changes: Partial<SweepView> = {}): SweepView {
  return {
    sweepDir: "/w/.retune/sweeps/s",
    name: "tiny to topics",
    status,
    definition: {
      version: 1,
      name: "tiny to topics",
      base: "/models/tiny",
      adapter: "/w/.retune/runs/topics/adapter",
      alphas: [0, 1, 0.5],
      data: [{ name: "own", file: "/own.jsonl", role: "validation" }],
      createdAt: CREATED,
    },
    points: [{ alpha: 0, results: { own: { loss: 1 } } }],
    ...changes,
  };
}

const labels = (view: SweepView) => headerView(view).buttons.map(({ label }) => label);

test("a live sweep can be stopped, an ended one continued, a finished one neither", () => {
  assert.equal(labels(sweepView("running"))[0], "Stop");
  for (const status of ["stopped", "failed", "interrupted"] satisfies RunStatus[]) {
    assert.equal(labels(sweepView(status))[0], "Continue");
    assert.equal(labels(sweepView(status, { points: [] }))[0], "Try Again");
  }
  assert.deepEqual(labels(sweepView("finished")), ["Export CSV", "Export JSON", "Show Log"]);
  assert.deepEqual(labels(sweepView("running", { points: [] })), ["Stop", "Show Log"]);
});

test("the ends are named, an adapter by the run that made it", () => {
  assert.match(headerView(sweepView("running")).subtitle.text, /0: tiny · alpha 1: topics$/);
});

test("progress counts alphas and says what is done now", () => {
  const state = { status: "running", phase: "alpha 1: mixing", createdAt: CREATED } as const;
  const { text, share } = progressView(sweepView("running", { state }));
  assert.equal(text, "1 of 3 alphas measured · alpha 1: mixing");
  assert.ok(Math.abs(share! - 1 / 3) < 1e-9);
  assert.equal(progressView(sweepView("running", { points: [] })).share, undefined);
  assert.match(emptyText(sweepView("running", { points: [] })), /first point appears/);
});

test("a failure is told with its message and the way out", () => {
  const message = "own.jsonl:2: not valid JSON";
  const state = { status: "failed", message, createdAt: CREATED } as const;
  const { banner } = headerView(sweepView("failed", { state, points: [] }));
  assert.equal(banner?.title, "The sweep failed before its first point");
  assert.equal(banner?.message, message);
  assert.equal(headerView(sweepView("stopped")).banner, undefined);
});

test("what VS Code kept is taken back, and anything odd in it is not", () => {
  const kept = { sweepDir: "/s", metric: "loss", alpha: 0.3, scrollY: 20 };
  assert.deepEqual(restoreView(kept, "/s"), kept);
  assert.deepEqual(restoreView({ ...kept, alpha: 7, scrollY: "no" }, "/s"), {
    sweepDir: "/s",
    metric: "loss",
    scrollY: 0,
  });
  assert.deepEqual(restoreView(kept, "/other"), { sweepDir: "/other", scrollY: 0 });
});
