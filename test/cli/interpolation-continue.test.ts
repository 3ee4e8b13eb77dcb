/** An interpolation that is killed or stopped goes on where it was, and leaves no mixed model behind. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type {
  InterpolationDefinition,
  InterpolationState,
} from "../../src/protocol/interpolation.ts";
import { tidyInterrupted } from "../../src/runs/tidy-interrupted.ts";
import { InterpolationStore } from "../../src/runs/interpolations/interpolation-store.ts";
import { retune, startRetune, tinyWorkspace } from "../support/retune.ts";

const LIMIT_MS = 60_000;

/** @param step of 0.01 where it must still be at work when another process has started and ended */
function interpolationCommand(
  t: TestContext,
  step = "0.05",
): { interpolationDir: string; args: string[] } {
  const dir = tinyWorkspace(t);
  const [base, tuned] = [path.join(dir, "model"), path.join(dir, "other")];
  cpSync(base, tuned, { recursive: true });
  const interpolationDir = path.join(dir, "interpolation");
  const data = ["--eval", `rows=${path.join(dir, "data.jsonl")}`];
  const args = ["interpolate", base, tuned, "--sweep", `0:1:${step}`, ...data];
  return { interpolationDir, args: [...args, "--interpolation-dir", interpolationDir] };
}

function pointsText(interpolationDir: string): string {
  const file = path.join(interpolationDir, "points.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function readState(interpolationDir: string): InterpolationState {
  return JSON.parse(
    readFileSync(path.join(interpolationDir, "state.json"), "utf8"),
  ) as InterpolationState;
}

async function untilPoints(interpolationDir: string, count: number): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (pointsText(interpolationDir).split("\n").length <= count) {
    assert.ok(Date.now() < end, "no point came");
    await setTimeout(20);
  }
}

/** The window removes what a killed process could not. */
async function seesLeftoversGo(interpolationDir: string): Promise<void> {
  const work = path.join(interpolationDir, "work");
  mkdirSync(path.join(work, "model"), { recursive: true });
  const store = new InterpolationStore();
  const onError = (error: unknown): never => assert.fail(String(error));
  const untrusted = tidyInterrupted(store, { isAllowed: () => false, onError });
  await store.setRoots([path.dirname(interpolationDir)]);
  await setTimeout(200);
  assert.ok(existsSync(work), "something was removed in a workspace that nobody trusts");
  untrusted.dispose();
  await store.setRoots([]);
  const watching = tidyInterrupted(store, { isAllowed: () => true, onError });
  await store.setRoots([path.dirname(interpolationDir)]);
  assert.equal(store.get(interpolationDir)?.status, "interrupted");
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

test("a killed interpolation goes on with the alphas that have no point", async (t) => {
  const { interpolationDir, args } = interpolationCommand(t);
  const { finished } = await startRetune(...args);
  await untilPoints(interpolationDir, 2);
  // The process that works; the command above it ends alike.
  process.kill(readState(interpolationDir).process?.pid ?? 0, "SIGKILL");
  const killed = await finished;
  assert.equal(killed.signal, "SIGKILL");
  assert.match(
    killed.stderr,
    /SIGKILL ended the interpolation's process; "retune interpolate --continue"/,
  );
  const before = pointsText(interpolationDir);
  const kept = before.slice(0, before.lastIndexOf("\n") + 1);
  assert.equal(readState(interpolationDir).status, "running");
  await seesLeftoversGo(interpolationDir);
  // As if it had been killed while it wrote.
  writeFileSync(path.join(interpolationDir, "points.jsonl"), `${kept}{"alpha":0.`);

  const { code, stdout, stderr } = await retune(
    "interpolate",
    "--continue",
    interpolationDir,
    "--json",
  );
  assert.equal(code, 0, stderr);
  const after = pointsText(interpolationDir);
  assert.ok(after.startsWith(kept));
  const definition = JSON.parse(
    readFileSync(path.join(interpolationDir, "interpolation.json"), "utf8"),
  ) as InterpolationDefinition;
  assert.deepEqual(alphasOf(after), definition.alphas);
  // Only what was computed now is told, and the summary.
  assert.equal(stdout.trimEnd().split("\n").length - 1, 21 - alphasOf(kept).length);
  assert.equal(readState(interpolationDir).status, "finished");
  assert.ok(!existsSync(path.join(interpolationDir, "work")));

  const again = await retune("interpolate", "--continue", interpolationDir);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(pointsText(interpolationDir), after);
});

test("an interpolation that is asked to stop ends at once, and a second process is refused meanwhile", async (t) => {
  const { interpolationDir, args } = interpolationCommand(t, "0.01");
  const { finished } = await startRetune(...args);
  await untilPoints(interpolationDir, 1);
  const second = await retune("interpolate", "--continue", interpolationDir);
  assert.equal(second.code, 2);
  assert.match(second.stderr, /process \d+ works on this interpolation already/);
  const request = { request: "stop", requestedAt: new Date().toISOString() };
  writeFileSync(path.join(interpolationDir, "control.json"), JSON.stringify(request));
  const { code } = await finished;
  assert.equal(code, 1);
  assert.equal(readState(interpolationDir).status, "stopped");
  assert.ok(!existsSync(path.join(interpolationDir, "work")));
  assert.ok(alphasOf(pointsText(interpolationDir)).length < 101);
});

test("an interpolation that is stuck in one call ends at the second Ctrl+C, its points kept", async (t) => {
  if (process.platform === "win32") return t.skip("there is no SIGSTOP there");
  const { interpolationDir, args } = interpolationCommand(t);
  const { child, finished } = await startRetune(...args);
  await untilPoints(interpolationDir, 1);
  while (!existsSync(path.join(interpolationDir, "work"))) await setTimeout(1);
  process.kill(readState(interpolationDir).process?.pid ?? 0, "SIGSTOP");
  child.kill("SIGINT");
  await setTimeout(300);
  assert.equal(child.exitCode, null);
  child.kill("SIGINT");
  const { code, stderr } = await finished;
  assert.equal(code, 1);
  assert.match(stderr, /the interpolation's process did not end by itself and was killed/);
  assert.equal(readState(interpolationDir).status, "stopped");
  assert.ok(pointsText(interpolationDir).split("\n").length > 1);
  assert.ok(!existsSync(path.join(interpolationDir, "work")), "a mixed model is left");
});
