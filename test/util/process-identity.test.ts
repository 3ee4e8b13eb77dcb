import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { currentProcessIdentity, processFate } from "../../src/util/process-identity.ts";

test("this process is alive, also when asked twice", async () => {
  const identity = await currentProcessIdentity();
  assert.deepEqual(await currentProcessIdentity(), identity);
  assert.equal(await processFate(identity), "alive");
});

test("another process under the same pid is not this one", async () => {
  const identity = await currentProcessIdentity();
  assert.equal(await processFate({ ...identity, startedAt: "earlier" }), "gone");
});

test("a process of another machine or container can't be asked", async () => {
  const identity = await currentProcessIdentity();
  const older = { pid: identity.pid, startedAt: identity.startedAt };
  assert.equal(await processFate({ ...identity, pidSpace: "elsewhere" }), "unknown");
  assert.equal(await processFate({ ...older, hostname: "elsewhere" }), "unknown");
  assert.equal(await processFate({ ...older, hostname: identity.hostname }), "alive");
});

test("a machine that was given another name still asks its own processes", (t) => {
  if (process.platform !== "linux") return t.skip("host names are what tells machines apart here");
  return currentProcessIdentity().then(async (identity) => {
    assert.equal(await processFate({ ...identity, hostname: "renamed" }), "alive");
  });
});

test("a process in a pid namespace of its own is another container's", async (t) => {
  const source = `import("${new URL("../../src/util/process-identity.ts", import.meta.url).href}")
    .then((one) => one.currentProcessIdentity()).then((one) => console.log(JSON.stringify(one)))`;
  const node = [process.execPath, "--import", "tsx", "-e", source];
  const { status, stdout } = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", ...node], {
    encoding: "utf8",
  });
  if (status !== 0) return t.skip("this account may not make a pid namespace");
  const there = JSON.parse(stdout) as Awaited<ReturnType<typeof currentProcessIdentity>>;
  assert.equal(there.hostname, (await currentProcessIdentity()).hostname);
  assert.equal(await processFate(there), "unknown");
});

test("a process that has ended is not alive", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  const { hostname, pidSpace } = await currentProcessIdentity();
  const identity = { pid: child.pid!, startedAt: "any", hostname, pidSpace };
  assert.equal(await processFate(identity), "gone");
});
