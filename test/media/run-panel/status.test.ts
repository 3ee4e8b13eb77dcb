import assert from "node:assert/strict";
import test from "node:test";
import {
  actionButtons,
  bannerOf,
  progressShare,
  progressText,
} from "../../../media/run-panel/status.ts";
import type { RunState, RunStatus } from "../../../src/protocol/run-folder.ts";
import { runView } from "./run-view.ts";

const labels = (changes: Parameters<typeof runView>[0]) =>
  actionButtons(runView(changes)).map(({ label, disabled }) => (disabled ? `(${label})` : label));

const state = (changes: Partial<RunState>): RunState => ({
  status: "failed",
  step: 120,
  createdAt: "2026-11-23T10:00:00Z",
  ...changes,
});

test("a live run can be stopped, once", () => {
  for (const status of ["queued", "starting", "running"] satisfies RunStatus[]) {
    assert.deepEqual(labels({ status }), ["Stop", "Show Recipe", "Show Log"]);
  }
  assert.equal(labels({ status: "stopping" })[0], "(Stopping…)");
});

test("a run that ended early can be resumed, or tried again when nothing was saved", () => {
  for (const status of ["stopped", "failed", "interrupted"] satisfies RunStatus[]) {
    assert.equal(labels({ status })[0], "Resume");
    assert.equal(labels({ status, hasCheckpoint: false })[0], "Try Again");
  }
});

test("a finished run offers its adapter and no resume", () => {
  assert.deepEqual(labels({ status: "finished", hasOutput: true }), [
    "Generate…",
    "Open Adapter Folder",
    "Show Recipe",
    "Show Log",
  ]);
});

test("a classifier's run offers to classify, and never to generate", () => {
  const { recipe } = runView();
  assert.ok(recipe);
  const objective = { type: "classification", problem: "single-label", pooling: "last" } as const;
  assert.deepEqual(
    labels({ status: "finished", hasOutput: true, recipe: { ...recipe, objective } }),
    ["Classify Text…", "Open Adapter Folder", "Show Recipe", "Show Log"],
  );
});

test("a failure at a line that can be opened says so with a button", () => {
  const failed = {
    status: "failed",
    state: state({ message: "/d/train.jsonl:7: no text" }),
  } as const;
  assert.deepEqual(bannerOf(runView({ ...failed, failedLine: 7 }))?.button, {
    action: "openLine",
    label: "Open Line 7",
    primary: false,
    disabled: false,
  });
  assert.equal(bannerOf(runView(failed))?.button, undefined);
});

test("a failure is told with its message and the way out", () => {
  const message = "train.jsonl, line 7: not JSON";
  const banner = bannerOf(runView({ status: "failed", state: state({ message }) }));
  assert.equal(banner?.title, "The run failed at step 120");
  assert.equal(banner?.message, message);
  assert.equal(banner?.hint, "Resume continues from the newest checkpoint.");
  const early = bannerOf(runView({ status: "failed", state: state({ step: 0 }) }));
  assert.equal(early?.title, "The run failed before its first step");
});

test("a folder that can't be read says which file", () => {
  const banner = bannerOf(runView({ problem: "state.json is not JSON" }));
  assert.equal(banner?.message, "state.json is not JSON");
});

test("a healthy run has no banner", () => {
  for (const status of ["queued", "running", "finished"] satisfies RunStatus[]) {
    assert.equal(bannerOf(runView({ status })), undefined);
  }
});

test("the progress line tells steps, epochs and time", () => {
  const facts = { run: runView(), step: 120, epoch: 1.2, elapsedMs: 50_000, remainingMs: 75_000 };
  assert.equal(
    progressText(facts),
    "Step 120 of 300 · epoch 1.20 of 3 · 50 s elapsed · about 1 min 15 s left",
  );
  assert.equal(progressShare(facts), 0.4);
});

test("while it starts the phase is shown and the bar claims nothing", () => {
  const run = runView({
    status: "starting",
    state: state({ status: "starting", step: 0, phase: "tokenising data" }),
  });
  const facts = { run, step: 0, epoch: undefined, elapsedMs: undefined, remainingMs: undefined };
  assert.equal(progressText(facts), "tokenising data");
  assert.equal(progressShare(facts), undefined);
});

test("an early stop still fills the bar of a finished run", () => {
  const run = runView({ status: "finished" });
  assert.equal(progressShare({ run, step: 80, epoch: 1, elapsedMs: 1, remainingMs: undefined }), 1);
});
