// Runs the suites of this folder inside a real VS Code, each group in a window and a workspace of
// its own: `node --import tsx test/vscode/run.ts [GROUP …]`
//
// RETUNE_VSCODE_EXECUTABLE names a desktop VS Code, or is "download" to have one fetched; left out,
// VS Code's server from npm stands in for it where it runs (test/vscode-server/).
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runTests, TestRunFailedError } from "@vscode/test-electron";
import { root } from "../../.ci/install.mjs";
import { writeCounts } from "../../.ci/results.mjs";
import { isServerAvailable } from "../vscode-server/install.mjs";
import { removeFolder } from "../vscode-server/server.mjs";
import { buildSuites, compiledSuites } from "./build.mjs";
import { GROUPS, type Group } from "./groups.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function vscodeExecutable(): string | undefined {
  const chosen = process.env["RETUNE_VSCODE_EXECUTABLE"];
  if (chosen === "download") return undefined;
  if (chosen !== undefined) return chosen;
  return isServerAvailable() ? path.join(root, "test/vscode-server/code-shim.mjs") : undefined;
}

async function runGroup(group: Group, temp: string): Promise<Counts> {
  const workspace = path.join(temp, group.name);
  const result = path.join(temp, `${group.name}.json`);
  mkdirSync(workspace, { recursive: true });
  group.prepare(workspace);
  const executable = vscodeExecutable();
  try {
    await runTests({
      ...(executable === undefined ? {} : { vscodeExecutablePath: executable }),
      extensionDevelopmentPath: root,
      extensionTestsPath: path.join(compiledSuites, "host.cjs"),
      extensionTestsEnv: {
        RETUNE_OPENVINO: "off",
        RETUNE_SUITES: group.suites.join(","),
        RETUNE_RESULT: result,
        RETUNE_VSCODE_SHOT: path.join(root, `out/screenshots/failed-${group.name}.png`),
      },
      launchArgs: [
        workspace,
        "--disable-extensions",
        "--disable-workspace-trust",
        "--skip-welcome",
        `--user-data-dir=${path.join(temp, `${group.name}-user`)}`,
      ],
    });
  } catch (error) {
    if (!(error instanceof TestRunFailedError)) throw error;
  }
  if (!existsSync(result)) {
    console.error(`${group.name}: the window ended before its suites had`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  return JSON.parse(readFileSync(result, "utf8")) as Counts;
}

async function main(names: readonly string[]): Promise<boolean> {
  const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
  if (unknown.length > 0) throw new Error(`no such group: ${unknown.join(", ")}`);
  await buildSuites();
  const temp = mkdtempSync(path.join(tmpdir(), "retune-suites-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const group of GROUPS) {
      if (names.length > 0 && !names.includes(group.name)) continue;
      const counts = await runGroup(group, temp);
      total.passed += counts.passed;
      total.failed += counts.failed;
      total.skipped += counts.skipped;
    }
  } finally {
    await removeFolder(temp);
  }
  writeCounts("vscode", total);
  return total.failed === 0 && total.passed > 0;
}

process.exit((await main(process.argv.slice(2))) ? 0 : 1);
