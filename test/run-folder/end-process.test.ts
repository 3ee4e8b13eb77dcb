/** The end of real processes: willing, deaf, stuck, and not there at all. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ProcessIdentity } from "../../src/protocol/run-folder.ts";
import { endProcess } from "../../src/run-folder/end-process.ts";
import { currentProcessIdentity, processFate } from "../../src/util/process-identity.ts";
import { type ScriptProcess, sourceUrl, startScript } from "../support/script-process.ts";

const skip = process.platform === "win32" && "there is no SIGTERM there";
const LIMITS = { answerMs: 300, termMs: 600 };
const silent = (): Promise<boolean> => Promise.resolve(false);

/** @param code what it does beside living on */
async function living(
  t: TestContext,
  code: string,
): Promise<{ script: ScriptProcess; owner: ProcessIdentity }> {
  const script = startScript(
    t,
    `import { currentProcessIdentity } from ${JSON.stringify(sourceUrl("util/process-identity.ts"))};
    setInterval(() => {}, 1000);
    ${code}
    console.log(JSON.stringify(await currentProcessIdentity()));`,
  );
  return { script, owner: JSON.parse(await script.line()) as ProcessIdentity };
}

test("one that says that it stops is left to it", async (t) => {
  const { owner } = await living(t, "");
  let looks = 0;
  const end = await endProcess(owner, () => Promise.resolve(++looks > 1), LIMITS);
  assert.equal(end, "answered");
  assert.equal(await processFate(owner), "alive");
});

test("one that says nothing is told by SIGTERM", { skip }, async (t) => {
  const { script, owner } = await living(t, 'process.on("SIGTERM", () => process.exit(7));');
  assert.equal(await endProcess(owner, silent, LIMITS), "ended");
  assert.deepEqual(await script.exit(), { code: 7, signal: null });
});

test("one that does not hear SIGTERM is killed", { skip }, async (t) => {
  const { script, owner } = await living(t, 'process.on("SIGTERM", () => {});');
  assert.equal(await endProcess(owner, silent, LIMITS), "killed");
  assert.deepEqual(await script.exit(), { code: null, signal: "SIGKILL" });
});

test("one that has ended needs no end", async (t) => {
  const { script, owner } = await living(t, "");
  script.child.kill("SIGKILL");
  await script.exit();
  assert.equal(await endProcess(owner, silent, LIMITS), "ended");
});

test("another process under its pid, and one of another machine, are never touched", async (t) => {
  const { owner } = await living(t, "");
  const before = { ...owner, startedAt: "of another life" };
  assert.equal(await endProcess(before, silent, LIMITS), "ended");
  const elsewhere = { ...owner, hostname: "cluster-7", pidSpace: "another" };
  assert.equal(await endProcess(elsewhere, silent, LIMITS), "out of reach");
  assert.equal(await processFate(owner), "alive");
  assert.equal(await processFate(await currentProcessIdentity()), "alive");
});
