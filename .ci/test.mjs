// `npm test`: installs what is missing, then proves everything, step by step, and ends with one
// line "N passed, N failed". `node .ci/test.mjs STEP …` runs only those steps.
//
// Unit tests and the suites in a window run side by side: the ones mostly compute, the others mostly wait. The
// first prints as it goes, the other when it ends, and before that into out/results/<step>.log. What a browser
// drives runs alone: its waits have an end.
//
// Built-ins only up to the first `npm ci`: it starts in a bare clone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import path from "node:path";
import { installServer, isServerAvailable } from "../test/vscode-server/install.mjs";
import { installChromium, installPackages, requireNode, root } from "./install.mjs";
import { vsixFile } from "./package.mjs";
import { clearCounts, openLog, readCounts, readLog } from "./results.mjs";

const bin = (script) => path.join(root, "node_modules", script);

/**
 * Each step is a Node command line, or a function that throws when it fails. `counts` names the
 * step's own count of tests; a step without one counts as one. These run one after another.
 */
const FIRST_STEPS = [
  { name: "install", run: installEverything },
  { name: "format", command: [bin("oxfmt/bin/oxfmt"), "--check", "."] },
  { name: "lint", command: [bin("oxlint/bin/oxlint"), "--type-aware"] },
  { name: "types", command: [bin("typescript/bin/tsc"), "--noEmit"] },
  { name: "unused", command: [bin("knip/bin/knip.js")] },
  { name: "build", command: [isServerAvailable() ? ".ci/package.mjs" : "esbuild.mjs"] },
];

/** None of these writes what another one reads: dist/ and the .vsix are the build's. */
const STEPS_SIDE_BY_SIDE = [
  { name: "unit", command: [".ci/unit.mjs"], counts: true },
  { name: "vscode", command: ["--import", "tsx", "test/vscode/run.ts"], counts: true },
];

/** The packaged extension is driven in VS Code's server, which there is for Linux only. */
const LAST_STEPS = isServerAvailable()
  ? [
      {
        name: "vsix",
        command: ["test/ui-vsix/run.mjs"],
        env: { RETUNE_VSIX: vsixFile() },
        needs: "build",
        counts: true,
      },
    ]
  : [];

function installEverything() {
  installPackages(root);
  if (!isServerAvailable()) return;
  installServer();
  installChromium();
}

/** @param {number} [log] a file's descriptor; left out: what the step says is printed at once */
async function runCommand({ command, env = {} }, log) {
  const out = log ?? "inherit";
  const child = spawn(process.execPath, command, {
    cwd: root,
    stdio: ["ignore", out, out],
    env: { ...process.env, CI: "true", NO_UPDATE_NOTIFIER: "1", ...env },
  });
  const [status, signal] = await once(child, "exit");
  return { status, signal };
}

/** Runs one step. Returns what it adds to the last line. */
async function runStep(step, log) {
  if (step.counts) clearCounts(step.name);
  try {
    if (step.run) {
      step.run();
      return { passed: 0, failed: 0 };
    }
    const { status, signal } = await runCommand(step, log);
    const counts = step.counts ? readCounts(step.name) : undefined;
    const { passed = 0, failed = 0 } = counts ?? {};
    if (status === 0 && (!step.counts || counts)) return { passed, failed };
    console.error(`${step.name}: ended with ${signal ?? `code ${status}`}`);
    return { passed, failed: Math.max(failed, 1) };
  } catch (error) {
    console.error(`${step.name}: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

/** Runs one step and prints what it came to. */
async function reportStep(step, { isLive }) {
  const log = isLive ? undefined : openLog(step.name);
  if (isLive) console.log(`\n── ${step.name}`);
  const startedAt = performance.now();
  const { passed, failed } = await runStep(step, log);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (log !== undefined) {
    closeSync(log);
    console.log(`\n── ${step.name}\n${readLog(step.name).trimEnd()}`);
  }
  const counts = step.counts ? `${passed} passed, ${failed} failed` : "";
  const line =
    `${failed === 0 ? "ok    " : "FAILED"} ${step.name.padEnd(8)} ${seconds.padStart(7)} s  ${counts}`.trimEnd();
  console.log(line);
  return { passed, failed, line };
}

/** Those of `names`, and what they need; all where there are none. */
function choose(steps, names) {
  const needed = LAST_STEPS.filter(({ name }) => names.includes(name)).map((s) => s.needs);
  return steps.filter(({ name }) => [...names, ...needed].includes(name) || names.length === 0);
}

/** One after another; nothing runs without what install brings. */
async function runFirst(steps) {
  const reports = [];
  for (const step of steps) {
    reports.push(await reportStep(step, { isLive: true }));
    if (step.name === "install" && reports.at(-1).failed > 0) return { reports, isReady: false };
  }
  return { reports, isReady: true };
}

async function main(names) {
  requireNode();
  const known = [...FIRST_STEPS, ...STEPS_SIDE_BY_SIDE, ...LAST_STEPS].map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(", ")}; there are ${known.join(", ")}`);
    return 2;
  }
  const { reports, isReady } = await runFirst(choose(FIRST_STEPS, names));
  if (isReady) {
    const steps = choose(STEPS_SIDE_BY_SIDE, names);
    const running = steps.map((step, index) => reportStep(step, { isLive: index === 0 }));
    reports.push(...(await Promise.all(running)));
    for (const step of choose(LAST_STEPS, names)) {
      reports.push(await reportStep(step, { isLive: true }));
    }
  }
  const total = (count) => reports.reduce((sum, report) => sum + report[count], 0);
  console.log(`\n${reports.map(({ line }) => line).join("\n")}\n`);
  console.log(`${total("passed")} passed, ${total("failed")} failed`);
  return total("failed") === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
