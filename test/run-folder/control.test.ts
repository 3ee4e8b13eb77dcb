import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { forgetStopRequest, isStopRequested, writeControl } from "../../src/run-folder/control.ts";
import { tempDir } from "../support/temp-dir.ts";

test("a request is heard until it is taken back", async (t) => {
  const dir = tempDir(t);
  assert.equal(await isStopRequested(dir), false);
  await writeControl(dir, "stop");
  assert.equal(await isStopRequested(dir), true);
  await writeControl(dir, "none");
  assert.equal(await isStopRequested(dir), false);
  await writeControl(dir, "stop");
  await forgetStopRequest(dir);
  assert.equal(existsSync(path.join(dir, "control.json")), false);
  await forgetStopRequest(dir);
  assert.equal(await isStopRequested(dir), false);
});

test("a file that makes no sense asks for nothing", async (t) => {
  const dir = tempDir(t);
  for (const text of ["", "{", '"stop"', '{"request": "stop"}', '{"request": "halt"}']) {
    writeFileSync(path.join(dir, "control.json"), text);
    assert.equal(await isStopRequested(dir), false, text);
  }
});
