import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { currentProcessIdentity, isProcessAlive } from "../../src/util/process-identity.ts";

test("this process is alive, also when asked twice", async () => {
  const identity = await currentProcessIdentity();
  assert.deepEqual(await currentProcessIdentity(), identity);
  assert.equal(await isProcessAlive(identity), true);
});

test("another process under the same pid is not this one", async () => {
  const identity = await currentProcessIdentity();
  assert.equal(await isProcessAlive({ ...identity, startedAt: "earlier" }), false);
});

test("a process of another machine is not alive here", async () => {
  const identity = await currentProcessIdentity();
  assert.equal(await isProcessAlive({ ...identity, hostname: "elsewhere" }), false);
});

test("a process that has ended is not alive", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  const { hostname } = await currentProcessIdentity();
  assert.equal(await isProcessAlive({ pid: child.pid!, startedAt: "any", hostname }), false);
});
