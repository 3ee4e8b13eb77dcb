import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { definitionFile } from "../../../src/runs/interpolations/definition-file.ts";
import { tempDir } from "../../support/temp-dir.ts";

test("an old folder is defined by its old file, any other by the new one, there or not", async (t) => {
  const dir = tempDir(t);
  assert.equal(await definitionFile(dir), "interpolation.json");
  writeFileSync(path.join(dir, "sweep.json"), "{}");
  assert.equal(await definitionFile(dir), "sweep.json");
  writeFileSync(path.join(dir, "interpolation.json"), "{}");
  assert.equal(await definitionFile(dir), "interpolation.json");
});
