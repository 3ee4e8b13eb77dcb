/** A command of ours as a child process: what it says, how it ends, and that it can be ended. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { runCli } from "../../src/util/run-cli.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const never = new AbortController().signal;

function script(t: TestContext, body: string): string {
  const file = path.join(tempDir(t), "cli.cjs");
  writeFileSync(file, body);
  return file;
}

test("it is given the arguments and the folder, and what it prints is handed on", async (t) => {
  const cliPath = script(t, "console.log(JSON.stringify([process.argv.slice(2), process.cwd()]))");
  const cwd = path.dirname(cliPath);
  let output = "";
  const args = ["inspect", "a b", "é\"$'"];
  const done = await runCli({
    cliPath,
    args,
    cwd,
    signal: never,
    onOutput: (text) => (output += text),
  });
  assert.equal(done, true);
  assert.deepEqual(JSON.parse(output), [args, cwd]);
});

test("lines of its standard error are progress, empty ones are none", async (t) => {
  const cliPath = script(t, String.raw`process.stderr.write("one\r\n\n  two \rthree\n")`);
  const lines: string[] = [];
  await runCli({ cliPath, args: [], signal: never, onProgress: (line) => lines.push(line) });
  assert.deepEqual(lines, ["one", "two", "three"]);
});

test("a line that comes in pieces is told once, when it is whole; the last one needs no end", async (t) => {
  const pieces = ["alpha 0.3: eval", "uating ma", "ils\n12", " %\r5", "0 %\r", "wri", "tten"];
  const body = `const pieces = ${JSON.stringify(pieces)};
    const say = () => process.stderr.write(pieces.shift(), () => pieces.length && setTimeout(say, 20));
    say();`;
  const lines: string[] = [];
  const cliPath = script(t, body);
  await runCli({ cliPath, args: [], signal: never, onProgress: (line) => lines.push(line) });
  assert.deepEqual(lines, ["alpha 0.3: evaluating mails", "12 %", "50 %", "written"]);
});

test("where it fails its last line says why", async (t) => {
  const cliPath = script(
    t,
    String.raw`process.stderr.write("10 %\rno such file\n\n"); process.exitCode = 2`,
  );
  await refuses(runCli({ cliPath, args: ["merge"], signal: never }), /^no such file$/);
});

test("where it says nothing its end is told", async (t) => {
  const failed = script(t, "process.exitCode = 3");
  await refuses(
    runCli({ cliPath: failed, args: ["merge"], signal: never }),
    /^retune merge ended with 3$/,
  );
  const killed = script(t, "process.kill(process.pid, 'SIGKILL')");
  await refuses(
    runCli({ cliPath: killed, args: ["eval"], signal: never }),
    /^retune eval ended with SIGKILL$/,
  );
});

test("a long error keeps its last line", async (t) => {
  const body = String.raw`process.stderr.write("x".repeat(100_000) + "\nthe reason\n"); process.exitCode = 1`;
  await refuses(runCli({ cliPath: script(t, body), args: [], signal: never }), /^the reason$/);
});

test("cancelled before it began, nothing is started", async () => {
  const signal = AbortSignal.abort();
  assert.equal(await runCli({ cliPath: "/no/such/file", args: [], signal }), false);
});

test("cancelled while it works it is ended, which is no failure", async (t) => {
  const cliPath = script(t, "setInterval(() => {}, 1e6); console.log('up')");
  const controller = new AbortController();
  const { signal } = controller;
  const done = runCli({ cliPath, args: [], signal, onOutput: () => controller.abort() });
  assert.equal(await done, false);
});

test("a command that ends well is not cancelled by what comes later", async (t) => {
  const controller = new AbortController();
  const cliPath = script(t, "");
  assert.equal(await runCli({ cliPath, args: [], signal: controller.signal }), true);
  controller.abort();
});
