import assert from "node:assert/strict";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { spawnDetached } from "../../src/run-folder/spawn-detached.ts";
import { sourceUrl, startScript } from "../support/script-process.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

test("it works in its folder, what it prints lands behind the log, and its end is told", async (t) => {
  const dir = realpathSync(tempDir(t));
  writeFileSync(path.join(dir, "log.txt"), "before\n");
  const code = 'console.log(process.cwd()); console.error("bad"); process.exit(3)';
  const { pid, exited } = spawnDetached(["-e", code], { dir, logFile: "log.txt" });
  assert.ok(pid !== undefined && pid !== process.pid);
  // Detached, it keeps nobody who does not wait for it.
  const keep = setInterval(() => undefined, 1_000);
  assert.deepEqual(await exited, { code: 3, signal: null });
  clearInterval(keep);
  assert.equal(readFileSync(path.join(dir, "log.txt"), "utf8"), `before\n${dir}\nbad\n`);
});

test("it outlives whoever started it", async (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, "alive.txt");
  const code = `setInterval(() => require("node:fs").writeFileSync(${JSON.stringify(file)}, String(Date.now())), 50)`;
  const starter = startScript(
    t,
    `import { spawnDetached } from ${JSON.stringify(sourceUrl("run-folder/spawn-detached.ts"))};
    const { pid } = spawnDetached(["-e", ${JSON.stringify(code)}], { dir: ${JSON.stringify(dir)}, logFile: "log.txt" });
    console.log(pid);`,
  );
  const pid = Number(await starter.line());
  t.after(() => process.kill(pid, "SIGKILL"));
  assert.deepEqual(await starter.exit(), { code: 0, signal: null });
  const read = (): number => {
    try {
      return Number(readFileSync(file, "utf8"));
    } catch {
      return 0;
    }
  };
  const ended = Date.now();
  await until(() => read() > ended + 200, "a sign of life after its starter's end");
});

test("variables of an editor or of a test runner do not reach it", async (t) => {
  const dir = tempDir(t);
  const set = { VSCODE_PID: "1", NODE_OPTIONS: "", NODE_TEST_CONTEXT: "x", RETUNE_CACHE: "/c" };
  const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]));
  Object.assign(process.env, set);
  t.after(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });
  const code = `console.log(JSON.stringify(${JSON.stringify(Object.keys(set))}.map((name) => process.env[name] ?? null)))`;
  const { exited } = spawnDetached(["-e", code], { dir, logFile: "log.txt" });
  const keep = setInterval(() => undefined, 1_000);
  await exited;
  clearInterval(keep);
  const found = JSON.parse(readFileSync(path.join(dir, "log.txt"), "utf8")) as unknown;
  assert.deepEqual(found, [null, null, null, "/c"]);
});

test("a program that can't be started is told, not thrown later", async (t) => {
  const dir = tempDir(t);
  const { exited } = spawnDetached([path.join(dir, "no-such.cjs")], { dir, logFile: "log.txt" });
  const keep = setInterval(() => undefined, 1_000);
  assert.deepEqual(await exited, { code: 1, signal: null });
  clearInterval(keep);
  assert.match(readFileSync(path.join(dir, "log.txt"), "utf8"), /Cannot find module/);
});
