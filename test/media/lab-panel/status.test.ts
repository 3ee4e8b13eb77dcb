import assert from "node:assert/strict";
import test from "node:test";
import { emptyText, headerView, progressView } from "../../../media/lab-panel/status.ts";
import { restoreView } from "../../../media/lab-panel/view-state.ts";
import type { InterpolationView } from "../../../src/protocol/lab-messages.ts";
import type { RunStatus } from "../../../src/protocol/run-folder.ts";

const CREATED = "2026-11-24T10:00:00Z";

function interpolationView(
  status: RunStatus,
  changes: Partial<InterpolationView> = {},
): InterpolationView {
  return {
    interpolationDir: "/w/.retune/interpolations/s",
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

const labels = (view: InterpolationView) => headerView(view).buttons.map(({ label }) => label);

test("a live interpolation can be stopped, an ended one continued, a finished one neither", () => {
  assert.equal(labels(interpolationView("running"))[0], "Stop");
  for (const status of ["stopped", "failed", "interrupted"] satisfies RunStatus[]) {
    assert.equal(labels(interpolationView(status))[0], "Continue");
    assert.equal(labels(interpolationView(status, { points: [] }))[0], "Try Again");
  }
  assert.deepEqual(labels(interpolationView("finished")), [
    "Export CSV",
    "Export JSON",
    "Show Log",
  ]);
  assert.deepEqual(labels(interpolationView("running", { points: [] })), ["Stop", "Show Log"]);
});

test("the ends are named, an adapter by the run that made it", () => {
  assert.match(
    headerView(interpolationView("running")).subtitle.text,
    /0: tiny · alpha 1: topics$/,
  );
});

test("progress counts alphas and says what is done now", () => {
  const state = { status: "running", phase: "alpha 1: mixing", createdAt: CREATED } as const;
  const { text, share } = progressView(interpolationView("running", { state }));
  assert.equal(text, "1 of 3 alphas measured · alpha 1: mixing");
  assert.ok(Math.abs(share! - 1 / 3) < 1e-9);
  assert.equal(progressView(interpolationView("running", { points: [] })).share, undefined);
  assert.match(emptyText(interpolationView("running", { points: [] })), /first point appears/);
});

test("a failure is told with its message and the way out", () => {
  const message = "own.jsonl:2: not valid JSON";
  const state = { status: "failed", message, createdAt: CREATED } as const;
  const { banner } = headerView(interpolationView("failed", { state, points: [] }));
  assert.equal(banner?.title, "The interpolation failed before its first point");
  assert.equal(banner?.message, message);
  assert.equal(headerView(interpolationView("stopped")).banner, undefined);
});

test("what VS Code kept is taken back, and anything odd in it is not", () => {
  const kept = { interpolationDir: "/s", metric: "loss", alpha: 0.3, scrollY: 20 };
  assert.deepEqual(restoreView(kept, "/s"), kept);
  assert.deepEqual(restoreView({ ...kept, alpha: 7, scrollY: "no" }, "/s"), {
    interpolationDir: "/s",
    metric: "loss",
    scrollY: 0,
  });
  assert.deepEqual(restoreView(kept, "/other"), { interpolationDir: "/other", scrollY: 0 });
});
