/** A folder of the time when interpolations were called sweeps: `.retune/sweeps/<id>` with a sweep.json. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  INTERPOLATION_FILES,
  OLD_DEFINITION_FILE,
  OLD_INTERPOLATIONS_FOLDER,
} from "../../src/protocol/interpolation.ts";
import { createInterpolation } from "../../src/runs/interpolations/create-interpolation.ts";
import { InterpolationStore } from "../../src/runs/interpolations/interpolation-store.ts";
import { retune, tinyWorkspace } from "../support/retune.ts";

const FIRST_POINT = '{"alpha":0,"results":{"rows":{"loss":2.5}}}\n';

/** Two of its three alphas are still to come. */
async function oldFolder(t: TestContext): Promise<{ root: string; dir: string }> {
  const workspace = tinyWorkspace(t);
  const [base, tuned] = [path.join(workspace, "model"), path.join(workspace, "other")];
  cpSync(base, tuned, { recursive: true });
  const file = path.join(workspace, "data.jsonl");
  const root = path.join(workspace, OLD_INTERPOLATIONS_FOLDER);
  const dir = await createInterpolation(
    { base, tuned, alphas: [0, 0.5, 1], data: [{ name: "rows", file, role: "in-distribution" }] },
    { interpolationsDir: root },
  );
  const { definition, points, state } = INTERPOLATION_FILES;
  renameSync(path.join(dir, definition), path.join(dir, OLD_DEFINITION_FILE));
  writeFileSync(path.join(dir, points), FIRST_POINT);
  const stopped = { status: "stopped", createdAt: "2026-01-01T00:00:00.000Z" };
  writeFileSync(path.join(dir, state), JSON.stringify(stopped));
  return { root, dir };
}

test("an old folder is shown, and one whose definition is gone has a problem", async (t) => {
  const { root, dir } = await oldFolder(t);
  const store = new InterpolationStore();
  t.after(() => store.dispose());
  await store.setRoots([root]);
  const shown = store.get(dir);
  assert.match(shown?.name ?? "", / to other$/);
  assert.equal(shown?.status, "stopped");
  assert.equal(shown?.problem, undefined);
  assert.deepEqual(shown?.definition?.alphas, [0, 1, 0.5]);
  assert.equal(shown?.points.length, 1);
  rmSync(path.join(dir, OLD_DEFINITION_FILE));
  await store.refresh();
  assert.match(store.get(dir)?.problem ?? "", /^interpolation\.json is missing/);
});

test("an old folder is continued where it lies, and no alpha is computed twice", async (t) => {
  const { dir } = await oldFolder(t);
  const { code, stderr } = await retune("interpolate", "--continue", dir);
  assert.equal(code, 0, stderr);
  const lines = readFileSync(path.join(dir, INTERPOLATION_FILES.points), "utf8");
  assert.ok(lines.startsWith(FIRST_POINT));
  assert.equal(lines.trimEnd().split("\n").length, 3);
  assert.ok(existsSync(path.join(dir, OLD_DEFINITION_FILE)));
  assert.ok(!readdirSync(dir).includes(INTERPOLATION_FILES.definition));
});
