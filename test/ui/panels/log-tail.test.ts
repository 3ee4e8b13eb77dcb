import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { readLastLines } from "../../../src/ui/panels/log-tail.ts";

async function lastLines(text: string, options: { maxLines: number; maxBytes: number }) {
  const folder = await mkdtemp(path.join(tmpdir(), "retune-log-"));
  try {
    await writeFile(path.join(folder, "log.txt"), text);
    return await readLastLines(path.join(folder, "log.txt"), options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("gives the last lines, with or without a newline at the end", async () => {
  const options = { maxLines: 2, maxBytes: 1000 };
  assert.deepEqual(await lastLines("a\nb\nc\n", options), ["b", "c"]);
  assert.deepEqual(await lastLines("a\r\nb\r\nc", options), ["b", "c"]);
});

test("reads only the end of a long file and leaves its cut line out", async () => {
  const text = Array.from({ length: 1000 }, (_, i) => `line ${i} é`).join("\n");
  const lines = await lastLines(text, { maxLines: 100, maxBytes: 30 });
  assert.deepEqual(lines, ["line 998 é", "line 999 é"]);
});

test("an empty or a missing log has no lines", async () => {
  assert.deepEqual(await lastLines("", { maxLines: 5, maxBytes: 100 }), []);
  const missing = path.join(tmpdir(), "retune-no-such-folder", "log.txt");
  assert.deepEqual(await readLastLines(missing, { maxLines: 5, maxBytes: 100 }), []);
});
