import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { editQueue, newEntry, queueDir, readQueue } from "../../src/runs/queue-file.ts";
import { sourceUrl, startScript } from "../support/script-process.ts";
import { tempDir } from "../support/temp-dir.ts";

test("a run's queue lies beside the folder of the runs, and an entry says whose it is", () => {
  assert.equal(queueDir("/w/.retune/runs/a"), path.resolve("/w/.retune"));
  const { run, host, at } = newEntry("/w/.retune/runs/a");
  assert.deepEqual([run, host], ["a", hostname()]);
  assert.ok(Math.abs(Date.now() - Date.parse(at)) < 5_000);
});

test("no file is an empty queue, and a look at it makes none", async (t) => {
  const dir = path.join(tempDir(t), ".retune");
  assert.deepEqual(await readQueue(dir), { version: 1, waiting: [], starting: [] });
  assert.equal(await editQueue(dir, async (queue) => queue.waiting.length), 0);
  assert.throws(() => statSync(path.join(dir, "queue.json")), /ENOENT/);
});

test("what an edit that fails has changed is not written", async (t) => {
  const dir = tempDir(t);
  const edit = editQueue(dir, async (queue) => {
    queue.waiting.push(newEntry("/runs/a"));
    throw new Error("no");
  });
  await assert.rejects(edit, /^Error: no$/);
  assert.deepEqual((await readQueue(dir)).waiting, []);
  await editQueue(dir, async (queue) => void queue.waiting.push(newEntry("/runs/b")));
  assert.deepEqual(
    (await readQueue(dir)).waiting.map(({ run }) => run),
    ["b"],
  );
});

test("four processes that put in ten runs each lose none", async (t) => {
  const dir = tempDir(t);
  const scripts = ["a", "b", "c", "d"].map((name) =>
    startScript(
      t,
      `import { editQueue, newEntry } from ${JSON.stringify(sourceUrl("runs/queue-file.ts"))};
      for (let at = 0; at < 10; at++) {
        await editQueue(${JSON.stringify(dir)}, async (queue) => {
          queue.waiting.push(newEntry(\`/runs/${name}\${at}\`));
        });
      }`,
    ),
  );
  for (const script of scripts) assert.deepEqual(await script.exit(), { code: 0, signal: null });
  const runs = (await readQueue(dir)).waiting.map(({ run }) => run);
  assert.equal(new Set(runs).size, 40);
  // Each process has its own in the order in which it put them in.
  const own = runs.filter((run) => run.startsWith("a"));
  assert.deepEqual(own, own.toSorted());
});

test("a queue that can't be read is named with the way out, and left as it is", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "queue.json");
  for (const text of [
    "{",
    '{"version": 2, "waiting": [], "starting": []}',
    '{"version": 1, "waiting": [{"run": "../x", "host": "h", "at": "2026-11-20T10:00:00Z"}], "starting": []}',
  ]) {
    writeFileSync(file, text);
    const refused = /queue\.json.*; delete the file to empty the queue$/;
    await assert.rejects(readQueue(dir), refused);
    await assert.rejects(
      editQueue(dir, async () => undefined),
      refused,
    );
    assert.equal(readFileSync(file, "utf8"), text);
  }
});
