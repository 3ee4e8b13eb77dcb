/** Which checkpoints are kept: never a broken one in the place of a whole one. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { checkpointName, pruneCheckpoints } from "../../src/run-folder/checkpoints.ts";

function folderOf(t: TestContext, steps: readonly number[]): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-prune-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const step of steps) mkdirSync(path.join(dir, checkpointName(step)));
  return dir;
}

const stepsIn = (dir: string): number[] =>
  readdirSync(dir)
    .map((name) => Number(name.slice(5)))
    .toSorted((a, b) => a - b);

for (const [name, steps, options, kept] of [
  ["the newest are kept", [5, 10, 15], { step: 15, keep: 2, bestStep: undefined }, [10, 15]],
  ["and the best", [5, 10, 15], { step: 15, keep: 1, bestStep: 5 }, [5, 15]],
  [
    "a later one, which was broken, goes",
    [5, 7, 10],
    { step: 7, keep: 1, bestStep: undefined },
    [7],
  ],
  ["and pushes none out", [5, 7, 10, 15], { step: 7, keep: 2, bestStep: undefined }, [5, 7]],
] as const) {
  test(name, async (t) => {
    const dir = folderOf(t, steps);
    await pruneCheckpoints(dir, options);
    assert.deepEqual(stepsIn(dir), kept);
  });
}
