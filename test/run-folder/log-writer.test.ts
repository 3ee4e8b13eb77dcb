import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { LogWriter } from "../../src/run-folder/log-writer.ts";
import { tempDir } from "../support/temp-dir.ts";

test("lines of a log arrive in order, behind a line that a killed process left torn", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "log.txt");
  writeFileSync(file, "2026-11-20T10:00:00.000Z whole\n2026-11-20T10:00:01.000Z to");
  const log = new LogWriter(file);
  await Promise.all(["a", "b", "c"].map((line) => log.log(line)));
  const lines = readFileSync(file, "utf8").split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+Z /u, "")),
    ["whole", "to", "a", "b", "c", ""],
  );
});

test("a log that can't be written is no reason to fail", async (t) => {
  const dir = tempDir(t);
  const log = new LogWriter(path.join(dir, "gone", "log.txt"));
  await log.log("nobody reads this");
  rmSync(dir, { recursive: true });
  await log.log("nor this");
});
