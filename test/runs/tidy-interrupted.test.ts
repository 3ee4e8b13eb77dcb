import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createRun } from "../../src/run-folder/create-run.ts";
import { Lock } from "../../src/run-folder/lock.ts";
import { RunStore } from "../../src/runs/run-store.ts";
import { tidyInterrupted } from "../../src/runs/tidy-interrupted.ts";
import { MADE_UP_RECIPE } from "../support/made-up-recipe.ts";
import { readState } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const LEFT = "adapter.99-abc.tmp";

/** A run that a process of `host` was killed in, and a window that finds it. */
async function found(
  t: TestContext,
  { host = hostname(), isAllowed = true, isLocked = false } = {},
): Promise<{ left: string; errors: unknown[] }> {
  const runsDir = path.join(tempDir(t), "runs");
  const dir = await createRun({ recipe: MADE_UP_RECIPE, runsDir });
  const gone = { pid: 4_000_000, startedAt: "of another life", hostname: host };
  const heartbeatAt = "2026-11-20T10:00:00.000Z";
  const state = { ...readState(dir), status: "running", process: gone, heartbeatAt };
  writeFileSync(path.join(dir, "state.json"), JSON.stringify(state));
  const left = path.join(dir, LEFT);
  mkdirSync(left);
  const lock = isLocked ? await Lock.take(path.join(dir, "lock")) : undefined;
  t.after(() => (lock instanceof Lock ? lock.release() : undefined));
  const store = new RunStore();
  t.after(() => store.dispose());
  const errors: unknown[] = [];
  const tidying = tidyInterrupted(store, {
    isAllowed: () => isAllowed,
    onError: (error) => errors.push(error),
  });
  t.after(() => tidying.dispose());
  await store.setRoots([runsDir]);
  assert.equal(store.get(dir)?.status, "interrupted");
  return { left, errors };
}

test("what a process killed on this machine left goes", async (t) => {
  const { left, errors } = await found(t);
  await until(() => !existsSync(left), "its removal");
  assert.deepEqual(errors, []);
});

for (const [what, options] of [
  ["another machine's is its own affair", { host: "cluster-7" }],
  ["in a workspace that is not trusted nothing is touched", { isAllowed: false }],
  ["whoever goes on with the run already is not disturbed", { isLocked: true }],
] as const) {
  test(what, async (t) => {
    const { left, errors } = await found(t, options);
    await sleep(300);
    assert.ok(existsSync(left));
    assert.deepEqual(errors, []);
  });
}
