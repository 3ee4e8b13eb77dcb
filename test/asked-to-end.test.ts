/** What `npm start` starts ends with whoever started it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";

const module = path.resolve(fileURLToPath(import.meta.url), "../../.ci/asked-to-end.mjs");
/** As start.mjs: it waits, with something that would keep it for ever. */
const SERVER = `setInterval(() => {}, 1000);
  import(${JSON.stringify(module)}).then(async ({ whenAskedToEnd }) => {
    const asked = whenAskedToEnd();
    console.log(process.pid + " ready");
    await asked;
    console.log("asked");
    process.exit(0);
  });`;
/** As npm: a shell that starts it, and that does not hand signals on. */
const NPM = `const { spawn } = require("node:child_process");
  spawn("sh", ["-c", 'echo "$$ shell"; node -e "$SERVER"; true'], {
    stdio: "inherit", env: { ...process.env, npm_lifecycle_event: "start" },
  });
  setInterval(() => {}, 1000);`;

interface Started {
  npm: ChildProcess;
  shell: number;
  server: number;
  /** All that is printed; ends when no process holds the pipe any more. */
  ended: Promise<string>;
}

async function start(t: TestContext): Promise<Started> {
  const npm = spawn(process.execPath, ["-e", NPM], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SERVER },
  });
  let text = "";
  npm.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
  const ended = once(npm.stdout, "end").then(() => text);
  while (!text.includes("ready")) await once(npm.stdout, "data");
  const [, shell, server] = /(\d+) shell\n(\d+) ready/u.exec(text) ?? [];
  t.after(() => npm.kill("SIGKILL"));
  return { npm, shell: Number(shell), server: Number(server), ended };
}

const skip = process.platform === "win32" && "npm has another shell there";

test("a server asked by a signal ends", { skip }, async (t) => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    const { npm, server, ended } = await start(t);
    process.kill(server, signal);
    npm.kill("SIGKILL");
    assert.match(await ended, /asked/);
  }
});

test("a server whose shell was killed ends", { skip }, async (t) => {
  const { npm, shell, ended } = await start(t);
  process.kill(shell, "SIGKILL");
  npm.kill("SIGKILL");
  assert.match(await ended, /asked/);
});

test("a server whose npm was killed ends though its shell lives", { skip }, async (t) => {
  const { npm, ended } = await start(t);
  npm.kill("SIGKILL");
  assert.match(await ended, /asked/);
});
