/** A sweep that is killed or stopped goes on where it was, and leaves no mixed model behind. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { SweepDefinition, SweepState } from "../../src/protocol/sweep.ts";
import { tidyInterrupted } from "../../src/runs/tidy-interrupted.ts";
import { SweepStore } from "../../src/runs/sweeps/sweep-store.ts";
import { retune, startRetune, tinyWorkspace } from "../support/retune.ts";

const LIMIT_MS = 60_000;

function sweepCommand(t: TestContext): { sweepDir: string; args: string[] } {
  const dir = tinyWorkspace(t);
  const [base, tuned] = [path.join(dir, "model"), path.join(dir, "other")];
  cpSync(base, tuned, { recursive: true });
  const sweepDir = path.join(dir, "sweep");
  const data = ["--eval", `rows=${path.join(dir, "data.jsonl")}`];
  const args = ["interpolate", base, tuned, "--sweep", "0:1:0.05", ...data];
  return { sweepDir, args: [...args, "--sweep-dir", sweepDir] };
}

function pointsText(sweepDir: string): string {
  const file = path.join(sweepDir, "points.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function readState(sweepDir: string): SweepState {
  return JSON.parse(readFileSync(path.join(sweepDir, "state.json"), "utf8")) as SweepState;
}

async function untilPoints(sweepDir: string, count: number): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (pointsText(sweepDir).split("\n").length <= count) {
    assert.ok(Date.now() < end, "no point came");
    await setTimeout(20);
  }
}

/** The window removes what a killed process could not. */
async function seesLeftoversGo(sweepDir: string): Promise<void> {
  const work = path.join(sweepDir, "work");
  mkdirSync(path.join(work, "model"), { recursive: true });
  const store = new SweepStore();
  const onError = (error: unknown): never => assert.fail(String(error));
  const untrusted = tidyInterrupted(store, { isAllowed: () => false, onError });
  await store.setRoots([path.dirname(sweepDir)]);
  await setTimeout(200);
  assert.ok(existsSync(work), "something was removed in a workspace that nobody trusts");
  untrusted.dispose();
  await store.setRoots([]);
  const watching = tidyInterrupted(store, { isAllowed: () => true, onError });
  await store.setRoots([path.dirname(sweepDir)]);
  assert.equal(store.get(sweepDir)?.status, "interrupted");
  const end = Date.now() + LIMIT_MS;
  while (existsSync(work)) {
    assert.ok(Date.now() < end, "work is still there");
    await setTimeout(20);
  }
  watching.dispose();
  store.dispose();
}

function alphasOf(text: string): number[] {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { alpha: number }).alpha);
}

test("a killed sweep goes on with the alphas that have no point", async (t) => {
  const { sweepDir, args } = sweepCommand(t);
  const { finished } = await startRetune(...args);
  await untilPoints(sweepDir, 2);
  // The process that works; the command above it ends alike.
  process.kill(readState(sweepDir).process?.pid ?? 0, "SIGKILL");
  const killed = await finished;
  assert.equal(killed.signal, "SIGKILL");
  assert.match(killed.stderr, /SIGKILL ended the sweep's process; "retune interpolate --continue"/);
  const before = pointsText(sweepDir);
  const kept = before.slice(0, before.lastIndexOf("\n") + 1);
  assert.equal(readState(sweepDir).status, "running");
  await seesLeftoversGo(sweepDir);
  // As if it had been killed while it wrote.
  writeFileSync(path.join(sweepDir, "points.jsonl"), `${kept}{"alpha":0.`);

  const { code, stdout, stderr } = await retune("interpolate", "--continue", sweepDir, "--json");
  assert.equal(code, 0, stderr);
  const after = pointsText(sweepDir);
  assert.ok(after.startsWith(kept));
  const definition = JSON.parse(
    readFileSync(path.join(sweepDir, "sweep.json"), "utf8"),
  ) as SweepDefinition;
  assert.deepEqual(alphasOf(after), definition.alphas);
  // Only what was computed now is told, and the summary.
  assert.equal(stdout.trimEnd().split("\n").length - 1, 21 - alphasOf(kept).length);
  assert.equal(readState(sweepDir).status, "finished");
  assert.ok(!existsSync(path.join(sweepDir, "work")));

  const again = await retune("interpolate", "--continue", sweepDir);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(pointsText(sweepDir), after);
});

test("a sweep that is asked to stop ends at once, and a second process is refused meanwhile", async (t) => {
  const { sweepDir, args } = sweepCommand(t);
  const { finished } = await startRetune(...args);
  await untilPoints(sweepDir, 1);
  const second = await retune("interpolate", "--continue", sweepDir);
  assert.equal(second.code, 2);
  assert.match(second.stderr, /process \d+ works on this sweep already/);
  const request = { request: "stop", requestedAt: new Date().toISOString() };
  writeFileSync(path.join(sweepDir, "control.json"), JSON.stringify(request));
  const { code } = await finished;
  assert.equal(code, 1);
  assert.equal(readState(sweepDir).status, "stopped");
  assert.ok(!existsSync(path.join(sweepDir, "work")));
  assert.ok(alphasOf(pointsText(sweepDir)).length < 21);
});

test("a sweep that is stuck in one call ends at the second Ctrl+C, its points kept", async (t) => {
  if (process.platform === "win32") return t.skip("there is no SIGSTOP there");
  const { sweepDir, args } = sweepCommand(t);
  const { child, finished } = await startRetune(...args);
  await untilPoints(sweepDir, 1);
  while (!existsSync(path.join(sweepDir, "work"))) await setTimeout(1);
  process.kill(readState(sweepDir).process?.pid ?? 0, "SIGSTOP");
  child.kill("SIGINT");
  await setTimeout(300);
  assert.equal(child.exitCode, null);
  child.kill("SIGINT");
  const { code, stderr } = await finished;
  assert.equal(code, 1);
  assert.match(stderr, /the sweep's process did not end by itself and was killed/);
  assert.equal(readState(sweepDir).status, "stopped");
  assert.ok(pointsText(sweepDir).split("\n").length > 1);
  assert.ok(!existsSync(path.join(sweepDir, "work")), "a mixed model is left");
});
