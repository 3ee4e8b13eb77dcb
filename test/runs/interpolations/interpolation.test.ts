import assert from "node:assert/strict";
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { createInterpolation } from "../../../src/runs/interpolations/create-interpolation.ts";
import { readInterpolation } from "../../../src/runs/interpolations/interpolation.ts";
import { tempDir } from "../../support/temp-dir.ts";

async function make(t: TestContext): Promise<string> {
  const dir = tempDir(t);
  const file = path.join(dir, "mails.jsonl");
  writeFileSync(file, '{"text": "a"}\n');
  return createInterpolation(
    {
      name: "tiny to tone",
      base: "/models/tiny",
      adapter: "/runs/tone/adapter",
      alphas: [0, 1],
      data: [{ name: "mails", file, role: "validation" }],
    },
    { interpolationsDir: path.join(dir, "made") },
  );
}

test("a folder is shown with its definition, its state and its points", async (t) => {
  const dir = await make(t);
  const point = { alpha: 0, results: { mails: { loss: 1 } } };
  writeFileSync(path.join(dir, "points.jsonl"), `${JSON.stringify(point)}\n`);
  const read = await readInterpolation(dir);
  assert.ok(read);
  assert.deepEqual(
    [read.id, read.name, read.status],
    [path.basename(dir), "tiny to tone", "queued"],
  );
  assert.deepEqual([read.points, read.problem], [[point], undefined]);
});

test("a live status whose process is gone is interrupted", async (t) => {
  const dir = await make(t);
  const process = { pid: 4_000_000, startedAt: "x", hostname: "cluster-7" };
  const state = { status: "running", createdAt: "2026-11-20T10:00:00.000Z", process, eta: 3 };
  writeFileSync(path.join(dir, "state.json"), JSON.stringify(state));
  const read = await readInterpolation(dir);
  assert.equal(read?.status, "interrupted");
  assert.deepEqual(read.state, state);
});

test("a broken file is the problem, and the rest is shown; a folder of something else is none", async (t) => {
  const dir = await make(t);
  writeFileSync(path.join(dir, "interpolation.json"), '{"version": 2}');
  const broken = await readInterpolation(dir);
  assert.equal(broken?.name, path.basename(dir));
  assert.match(broken.problem ?? "", /^interpolation\.json: version: /);
  rmSync(path.join(dir, "interpolation.json"));
  const missing = await readInterpolation(dir);
  assert.equal(missing?.problem, "interpolation.json is missing");
  rmSync(path.join(dir, "state.json"));
  assert.equal(await readInterpolation(dir), undefined);
});

test("one without a state may still get it, for a moment", async (t) => {
  const dir = await make(t);
  rmSync(path.join(dir, "state.json"));
  assert.equal(await readInterpolation(dir), undefined);
  const before = new Date(Date.now() - 60_000);
  utimesSync(dir, before, before);
  const read = await readInterpolation(dir);
  assert.deepEqual([read?.status, read?.problem], ["failed", "state.json is missing"]);
});
