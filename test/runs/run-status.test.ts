import assert from "node:assert/strict";
import { test } from "node:test";
import { RUN_STATUSES } from "../../src/protocol/run-folder.ts";
import { isActive, isLive } from "../../src/runs/run-status.ts";

test("a process is expected behind three statuses, an end behind one more", () => {
  assert.deepEqual(RUN_STATUSES.filter(isLive), ["starting", "running", "stopping"]);
  assert.deepEqual(RUN_STATUSES.filter(isActive), ["queued", "starting", "running", "stopping"]);
  assert.deepEqual([isLive("interrupted"), isActive("interrupted")], [false, false]);
});
