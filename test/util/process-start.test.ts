/** When a process started, on systems where another program has to be asked: it may be missing, or slow. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";

const sourceOf = (name: string): string =>
  pathToFileURL(path.join(import.meta.dirname, "../../src/util", name)).href;

/** What `body` logs in a process that takes itself for one of macOS, whose programs are those of this machine. */
function onMac(body: string): string[] {
  const source = `
    Object.defineProperty(process, "platform", { value: "darwin" });
    const { processIdentity, processFate } = await import("${sourceOf("process-identity.ts")}");
    const { processMark, isAbandoned } = await import("${sourceOf("process-mark.ts")}");
    const withoutPs = async (work) => {
      const { PATH } = process.env;
      process.env.PATH = "/nowhere";
      try { return await work(); } finally { process.env.PATH = PATH; }
    };
    ${body}`;
  const args = ["--import", "tsx", "--input-type=module", "-e", source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.trim().split("\n");
}

function hasPs(t: TestContext): boolean {
  const isThere = spawnSync("ps", ["-o", "lstart=", "-p", String(process.pid)]).status === 0;
  if (!isThere) t.skip("this machine has no ps");
  return isThere;
}

test("a process is the same one in another time zone", (t) => {
  if (!hasPs(t)) return;
  const fates = onMac(`
    process.env.TZ = "America/New_York";
    const identity = await processIdentity(process.pid);
    process.env.TZ = "Asia/Tokyo";
    console.log(await processFate(identity));`);
  assert.deepEqual(fates, ["alive"]);
});

test("a living process whose start can't be asked is not taken for dead", (t) => {
  if (!hasPs(t)) return;
  const fates = onMac(`
    const known = await processIdentity(process.pid);
    const untold = await withoutPs(() => processIdentity(process.pid));
    console.log(await withoutPs(() => processFate(known)));
    console.log(await processFate(untold));
    console.log(await processFate({ ...untold, pid: 2 ** 22 + 1 }));
    console.log(await processFate({ ...known, startedAt: "earlier" }));`);
  assert.deepEqual(fates, ["unknown", "unknown", "gone", "gone"]);
});

test("nor is what it writes taken for abandoned", (t) => {
  if (!hasPs(t)) return;
  const dir = mkdtempSync(path.join(tmpdir(), "retune-mark-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const place = JSON.stringify(dir);
  const found = onMac(`
    const known = await processIdentity(process.pid);
    const untold = await withoutPs(() => processIdentity(process.pid));
    console.log(await withoutPs(async () => isAbandoned(${place}, await processMark(known))));
    console.log(await isAbandoned(${place}, await processMark(untold)));
    console.log(await isAbandoned(${place}, await processMark({ ...known, pid: 2 ** 22 + 1 })));
    console.log(await isAbandoned(${place}, await processMark({ ...known, startedAt: "earlier" })));`);
  assert.deepEqual(found, ["false", "false", "true", "true"]);
});

test("a process that has ended and that nobody has asked about is gone", async (t) => {
  if (process.platform !== "linux") return t.skip("a zombie can't be made here");
  const { spawn } = await import("node:child_process");
  const { processFate, processIdentity } = await import("../../src/util/process-identity.ts");
  // The shell's child ends, and the sleep in the shell's place never asks how.
  const shell = spawn("sh", ["-c", "sh -c 'exit 0' & echo $!; exec sleep 30"]);
  t.after(() => shell.kill("SIGKILL"));
  const pid = Number(await new Promise<Buffer>((resolve) => shell.stdout.once("data", resolve)));
  const { hostname, pidSpace } = await processIdentity(process.pid);
  for (const startedAt of ["any", "unknown"]) {
    let fate = "";
    for (let look = 0; look < 100 && fate !== "gone"; look++) {
      fate = await processFate({ pid, startedAt, hostname, pidSpace });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(fate, "gone");
  }
});
