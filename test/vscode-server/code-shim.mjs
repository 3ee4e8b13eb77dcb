#!/usr/bin/env node
// Looks like the `code` executable to @vscode/test-electron, and runs the same suite in VS Code's
// server with Chromium as its window. Exit code: the suite's.
//   RETUNE_VSCODE_LIMIT_MS  outer limit of one run
//   RETUNE_VSCODE_SHOT      where a screenshot goes when the run fails
//   RETUNE_VSCODE_VERBOSE   prints the workbench's own noise too
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { format } from "node:util";
import { launchBrowser } from "./browser.mjs";
import { startServer, TEST_SETTINGS, windowUrl } from "./server.mjs";

const LIMIT_MS = Number(process.env.RETUNE_VSCODE_LIMIT_MS ?? 600_000);
const TIMED_OUT = 124;
const NOISE =
  /^\[(AgentHost|ChatModel|AccountPolicy|reconnection)|^(Creating a socket|Resolv|Ignoring fetching|Updating additional|Timed out waiting for authentication)/;

/** `--name=value`, `--name` and positional arguments, as test-electron writes them. */
function readArguments(args) {
  const options = new Map();
  const positional = [];
  for (const arg of args) {
    const match = /^--([A-Za-z-]+)(?:=(.*))?$/s.exec(arg);
    if (match === null) positional.push(arg);
    else options.set(match[1], [...(options.get(match[1]) ?? []), match[2] ?? ""]);
  }
  return { options, positional };
}

const asPath = (value) => value.replace(/^file:\/\//, "");

async function runSuite() {
  const { options, positional } = readArguments(process.argv.slice(2));
  const tests = options.get("extensionTestsPath")?.[0];
  if (tests === undefined) throw new Error("code-shim: --extensionTestsPath is missing");
  const folder = path.resolve(positional[0] ?? mkdtempSync(path.join(tmpdir(), "retune-empty-")));
  const payload = [
    ["skipWelcome", "true"],
    ["skipReleaseNotes", "true"],
    ...(options.get("extensionDevelopmentPath") ?? []).map((value) => [
      "extensionDevelopmentPath",
      asPath(value),
    ]),
    ["extensionTestsPath", asPath(tests)],
  ];
  const server = await startServer({ settings: TEST_SETTINGS, developmentHost: true });
  let browser;
  try {
    browser = await launchBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const code = await runWindow(page, windowUrl(server.port, folder, payload));
    if (code !== 0) await shoot(page);
    return code;
  } finally {
    await browser?.close();
    await server.stop();
  }
}

/** Opens the window and waits until its suite has ended. */
async function runWindow(page, url) {
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  await page.exposeFunction("codeAutomationExit", (code) => end(code));
  await page.exposeFunction("codeAutomationLog", (type, args) => {
    const line = format(...args);
    if (type === "info" && !NOISE.test(line)) process.stdout.write(`${line}\n`);
    else if (process.env.RETUNE_VSCODE_VERBOSE) process.stderr.write(`[${type}] ${line}\n`);
  });
  const limit = setTimeout(() => {
    console.error(`VS Code: the suite did not end within ${LIMIT_MS / 1000} s`);
    end(TIMED_OUT);
  }, LIMIT_MS);
  await page.goto(url);
  const code = await ended;
  clearTimeout(limit);
  return code;
}

async function shoot(page) {
  const file = process.env.RETUNE_VSCODE_SHOT;
  if (!file) return;
  mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file }).catch(() => undefined);
  console.error(`VS Code: screenshot of the failed run in ${file}`);
}

process.exit(await runSuite());
