import assert from "node:assert/strict";
import { test } from "node:test";
import { isLive, statusLabel } from "../../../media/shared/status-label.ts";
import { RUN_STATUSES, type RunStatus } from "../../../src/protocol/run-folder.ts";
import { isActive } from "../../../src/runs/run-status.ts";

const ALL: readonly RunStatus[] = [...RUN_STATUSES, "interrupted"];

test("the page and the extension agree on what has yet to end", () => {
  for (const status of ALL) assert.equal(isLive(status), isActive(status), status);
});

test("each status has a word of its own, which is its name", () => {
  const labels = ALL.map((status) => statusLabel(status).label);
  assert.deepEqual(
    labels.map((label) => label.toLowerCase()),
    ALL,
  );
});

test("only what went wrong looks bad, only what is done looks good", () => {
  const toned = (tone: string) => ALL.filter((status) => statusLabel(status).tone === tone);
  assert.deepEqual(toned("bad"), ["failed", "interrupted"]);
  assert.deepEqual(toned("good"), ["finished"]);
  assert.deepEqual(toned("idle"), ["queued", "stopped"], "nothing moves, nothing is wrong");
});
