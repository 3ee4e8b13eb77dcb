// `npm test`: installs what is missing, then proves everything, step by step, and ends with one
// line "N passed, N failed". `node .ci/test.mjs STEP …` runs only those steps.
//
// Built-ins only up to the first `npm ci`: it starts in a bare clone.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { installServer, isServerAvailable } from "../test/vscode-server/install.mjs";
import { installChromium, installPackages, requireNode, root } from "./install.mjs";
import { clearCounts, readCounts } from "./results.mjs";

const bin = (script) => path.join(root, "node_modules", script);

/**
 * Each step is a Node command line, or a function that throws when it fails. `counts` names the
 * step's own count of tests; a step without one counts as one.
 */
const STEPS = [
  { name: "install", run: installEverything },
  { name: "format", command: [bin("oxfmt/bin/oxfmt"), "--check", "."] },
  { name: "lint", command: [bin("oxlint/bin/oxlint"), "--type-aware"] },
  { name: "types", command: [bin("typescript/bin/tsc"), "--noEmit"] },
  { name: "unused", command: [bin("knip/bin/knip.js")] },
  { name: "build", command: ["esbuild.mjs"] },
  { name: "unit", command: [".ci/unit.mjs"], counts: true },
  { name: "vscode", command: ["--import", "tsx", "test/vscode/run.ts"], counts: true },
  // The packaged extension is driven in VS Code's server, which there is for Linux only.
  ...(isServerAvailable()
    ? [{ name: "vsix", command: ["test/ui-vsix/run.mjs"], counts: true }]
    : []),
];

function installEverything() {
  installPackages(root);
  if (!isServerAvailable()) return;
  installServer();
  installChromium();
}

/** Runs one step. Returns what it adds to the last line. */
function runStep(step) {
  if (step.counts) clearCounts(step.name);
  try {
    if (step.run) {
      step.run();
      return { passed: 0, failed: 0 };
    }
    const { status, signal } = spawnSync(process.execPath, step.command, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, CI: "true", NO_UPDATE_NOTIFIER: "1" },
    });
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

function main(names) {
  requireNode();
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(
      `no such step: ${unknown.join(", ")}; there are ${STEPS.map((s) => s.name).join(", ")}`,
    );
    return 2;
  }
  const total = { passed: 0, failed: 0 };
  const report = [];
  for (const step of STEPS) {
    if (names.length > 0 && !names.includes(step.name)) continue;
    console.log(`\n── ${step.name}`);
    const startedAt = performance.now();
    const { passed, failed } = runStep(step);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    total.passed += passed;
    total.failed += failed;
    const counts = step.counts ? `${passed} passed, ${failed} failed` : "";
    report.push(
      `${failed === 0 ? "ok    " : "FAILED"} ${step.name.padEnd(8)} ${seconds.padStart(7)} s  ${counts}`.trimEnd(),
    );
    console.log(report.at(-1));
    if (step.name === "install" && failed > 0) break;
  }
  console.log(`\n${report.join("\n")}\n`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

process.exit(main(process.argv.slice(2)));
