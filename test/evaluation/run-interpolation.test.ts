/** An interpolation whose folder is no longer its own: removed, or taken by a process that held it for dead. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  type InterpolationOutcome,
  runInterpolation,
} from "../../src/evaluation/run-interpolation.ts";
import { createInterpolation } from "../../src/runs/interpolations/create-interpolation.ts";
import { tinyWorkspace } from "../support/retune.ts";

const never = new AbortController().signal;

/** @param options.onMix called while the model of the first alpha is being written */
async function interpolation(
  t: TestContext,
  options: { onMix?: (dir: string) => void; onPoint?: (dir: string) => void },
): Promise<{ dir: string; outcome: InterpolationOutcome }> {
  const workspace = tinyWorkspace(t);
  const [base, tuned] = [path.join(workspace, "model"), path.join(workspace, "other")];
  cpSync(base, tuned, { recursive: true });
  const file = path.join(workspace, "data.jsonl");
  const dir = await createInterpolation(
    { base, tuned, alphas: [0, 0.5, 1], data: [{ name: "rows", file, role: "in-distribution" }] },
    { interpolationsDir: path.join(workspace, "interpolations") },
  );
  const outcome = await runInterpolation(dir, {
    mixOf: () =>
      Promise.resolve(async (_alpha, out) => {
        await cp(base, out, { recursive: true });
        options.onMix?.(dir);
      }),
    signals: { stop: never, atOnce: never },
    onPoint: () => options.onPoint?.(dir),
    onNote: () => undefined,
  });
  return { dir, outcome };
}

const LOST = /was removed, or taken by another process, while this one worked on it/;

test("a folder that was removed does not come back", async (t) => {
  const { dir, outcome } = await interpolation(t, {
    onPoint: (interpolationDir) => rmSync(interpolationDir, { recursive: true }),
  });
  assert.ok(!existsSync(dir), "it is back");
  assert.match(outcome.state.message ?? "", LOST);
  assert.equal(outcome.refused, false);
});

test("nothing is written where another process works now, and nothing of its is removed", async (t) => {
  const { dir, outcome } = await interpolation(t, {
    onMix: (interpolationDir) => {
      writeFileSync(path.join(interpolationDir, "lock"), "another's");
      writeFileSync(path.join(interpolationDir, "work/theirs"), "");
    },
  });
  assert.match(outcome.state.message ?? "", LOST);
  assert.ok(!existsSync(path.join(dir, "points.jsonl")), "a point was written");
  assert.ok(existsSync(path.join(dir, "work/theirs")), "their work was removed");
  assert.equal(readFileSync(path.join(dir, "lock"), "utf8"), "another's");
  // Who started it would remove the folder of an interpolation that was refused.
  assert.equal(outcome.refused, false);
});
