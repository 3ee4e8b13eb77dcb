/** Several real processes at one lock. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { SILENCE_LIMIT_MS } from "../../src/run-folder/liveness.ts";
import { Lock, withLock } from "../../src/run-folder/lock.ts";
import { currentProcessIdentity } from "../../src/util/process-identity.ts";
import { bundleSource } from "../support/retune.ts";

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-lock-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function writeLock(file: string, process: object, ageMs = 0): void {
  writeFileSync(file, JSON.stringify({ token: "3b241101-e2bb-4255-8caf-4136c566a962", process }));
  const time = new Date(Date.now() - ageMs);
  utimesSync(file, time, time);
}

/**
 * Runs `source`, with the lock's module as `lock`, in `count` processes; gives what each printed. One that reads its
 * standard input lives until all have printed.
 */
async function inProcesses(count: number, source: string): Promise<string[]> {
  const module = await bundleSource("run-folder/lock.ts");
  const script = `const lock = require(${JSON.stringify(module)}); ${source}`;
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  const ends = children.map((child) => once(child, "exit"));
  const printed = await Promise.all(
    children.map(async (child) => {
      let text = "";
      for await (const chunk of child.stdout) {
        text += String(chunk);
        if (text.endsWith("\n")) break;
      }
      return text.trim();
    }),
  );
  for (const child of children) child.stdin.end();
  await Promise.all(ends);
  return printed;
}

/** Takes the lock of each of 50 folders at moments that all processes share. */
const takeAll = (dir: string): string => `
  (async () => {
    const held = [];
    for (let round = 0; round < 50; round++) {
      const until = ${Date.now() + 1_500} + round * 12;
      while (Date.now() < until) {}
      const taken = await lock.Lock.take(${JSON.stringify(dir)} + "/" + round);
      if (taken instanceof lock.Lock) held.push(round);
    }
    console.log(JSON.stringify(held));
    // The locks of a process that ended are anyone's: on a busy machine others come late.
    process.stdin.resume();
  })();`;

function assertOneEach(outputs: readonly string[]): void {
  const rounds = outputs.flatMap((text) => JSON.parse(text) as number[]);
  assert.deepEqual(
    rounds.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, round) => round),
  );
}

const leftIn = (dir: string): string[] => readdirSync(dir).filter((name) => name.includes("."));

test("of two processes at the same instant exactly one takes a free lock, 50 of 50 times", async (t) => {
  const dir = folder(t);
  assertOneEach(await inProcesses(2, takeAll(dir)));
  assert.deepEqual(leftIn(dir), []);
});

test("of four processes exactly one takes a dead process's lock, 50 of 50 times", async (t) => {
  const dir = folder(t);
  const dead = { ...(await currentProcessIdentity()), startedAt: "earlier" };
  for (let round = 0; round < 50; round++) writeLock(path.join(dir, String(round)), dead);
  assertOneEach(await inProcesses(4, takeAll(dir)));
  assert.deepEqual(leftIn(dir), []);
});

test("a counter that six processes raise under the lock loses nothing", async (t) => {
  const dir = folder(t);
  const counter = path.join(dir, "counter");
  writeFileSync(counter, "0");
  const source = `
    const { readFileSync, writeFileSync } = require("node:fs");
    const raise = async () => {
      const before = Number(readFileSync(${JSON.stringify(counter)}, "utf8"));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      writeFileSync(${JSON.stringify(counter)}, String(before + 1));
    };
    (async () => {
      for (let time = 0; time < 20; time++) {
        const done = await lock.withLock(${JSON.stringify(path.join(dir, "lock"))}, raise, 30_000);
        if ("holder" in done) throw new Error("never free");
      }
    })();`;
  await inProcesses(6, source);
  assert.equal(readFileSync(counter, "utf8"), "120");
  assert.deepEqual(readdirSync(dir), ["counter"]);
});

test("a process that dies while it holds the lock does not hold it on", async (t) => {
  const file = path.join(folder(t), "lock");
  const take = `lock.Lock.take(${JSON.stringify(file)})`;
  await inProcesses(1, `${take}.then(() => process.kill(process.pid, "SIGKILL"))`);
  assert.ok(readFileSync(file, "utf8").includes("token"));
  assert.ok((await Lock.take(file)) instanceof Lock);
});

test("a lock of another machine is held as long as it shows signs of life", async (t) => {
  const file = path.join(folder(t), "lock");
  const there = { pid: process.pid, startedAt: "then", hostname: "elsewhere", pidSpace: "there" };
  writeLock(file, there, SILENCE_LIMIT_MS / 2);
  const held = await Lock.take(file);
  assert.ok(!(held instanceof Lock));
  assert.equal(held.process?.hostname, "elsewhere");
  writeLock(file, there, SILENCE_LIMIT_MS * 2);
  assert.ok((await Lock.take(file)) instanceof Lock);
});

test("a beat is a sign of life, and says when the lock is gone", async (t) => {
  const dir = folder(t);
  const file = path.join(dir, "lock");
  const lock = await Lock.take(file);
  assert.ok(lock instanceof Lock);
  const text = readFileSync(file, "utf8");
  const old = new Date(Date.now() - SILENCE_LIMIT_MS * 2);
  utimesSync(file, old, old);
  assert.equal(await lock.beat(), true);
  assert.equal(readFileSync(file, "utf8"), text);
  const held = await withLock(file, async () => assert.fail("two hold it"), 0);
  assert.ok("holder" in held && held.holder.silentMs < SILENCE_LIMIT_MS);
  rmSync(dir, { recursive: true });
  assert.equal(await lock.beat(), false);
  assert.equal(await lock.isHeld(), false);
  await lock.release();
});

test("a file without sense is taken over once nobody can be filling it any more", async (t) => {
  const file = path.join(folder(t), "lock");
  writeFileSync(file, "");
  assert.ok(!((await Lock.take(file)) instanceof Lock));
  const old = new Date(Date.now() - 5_000);
  utimesSync(file, old, old);
  assert.ok((await Lock.take(file)) instanceof Lock);
});
