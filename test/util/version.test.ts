import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { RETUNE_VERSION } from "../../src/util/version.ts";

test("the version is package.json's", () => {
  const text = readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8");
  assert.equal(RETUNE_VERSION, (JSON.parse(text) as { version: string }).version);
});
