/** Whose files are left over: a process is told by its pid and its start, of this machine or container. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { currentProcessIdentity, processIdentity } from "../../src/util/process-identity.ts";
import { isAbandoned, processMark } from "../../src/util/process-mark.ts";
import { tempDir } from "../support/temp-dir.ts";

const HOUR_MS = 3_600_000;

/** A folder with a file in it, both written now. */
function written(dir: string): string {
  const place = path.join(dir, "work");
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, "part"), "x");
  return place;
}

test("a mark names its process and is another one at each call", async () => {
  const marks = await Promise.all(Array.from({ length: 20 }, () => processMark()));
  assert.equal(new Set(marks).size, 20);
  const starts = new Set(marks.map((mark) => mark.slice(0, -8)));
  assert.equal(starts.size, 1, "only the last eight digits differ");
  for (const mark of marks) assert.match(mark, new RegExp(`^${process.pid}-[0-9a-f]{24}$`));
});

test("what a living process writes is not abandoned, however long ago it wrote", async (t) => {
  const place = written(tempDir(t));
  const mark = await processMark();
  assert.equal(await isAbandoned(place, mark), false);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 10 * HOUR_MS });
  assert.equal(await isAbandoned(place, mark), false);
});

test("what a process wrote that has ended is abandoned at once", async (t) => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  t.after(() => child.kill());
  const mark = await processMark(await processIdentity(child.pid ?? 0));
  const place = written(tempDir(t));
  assert.equal(await isAbandoned(place, mark), false);
  child.stdin.end();
  await once(child, "exit");
  assert.equal(await isAbandoned(place, mark), true);
});

test("a process that got the pid of an earlier one is not taken for it", async (t) => {
  const own = await currentProcessIdentity();
  const earlier = await processMark({ ...own, startedAt: `${own.startedAt} earlier` });
  assert.equal(await isAbandoned(written(tempDir(t)), earlier), true);
});

test("a process of another machine can't be asked: an hour of silence decides", async (t) => {
  const own = await currentProcessIdentity();
  const foreign = await processMark({ ...own, pidSpace: "another container" });
  const place = written(tempDir(t));
  for (const mark of [foreign, "no mark of ours", ""]) {
    assert.equal(await isAbandoned(place, mark), false, mark);
  }
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + HOUR_MS + 60_000 });
  for (const mark of [foreign, "no mark of ours", ""]) {
    assert.equal(await isAbandoned(place, mark), true, mark);
  }
  assert.equal(await isAbandoned(path.join(place, "none"), foreign), true, "what is not there");
});
