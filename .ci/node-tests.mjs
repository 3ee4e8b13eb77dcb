// Runs test files under node:test and hands the counts to `npm test`.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./install.mjs";
import { writeCounts } from "./results.mjs";

/**
 * @param {string} step whose counts these are
 * @param {{ files: string[], concurrency: number, flags: string[], env?: Record<string, string> }} options
 * @returns {number} the exit code
 */
export function runNodeTests(step, { files, concurrency, flags, env = {} }) {
  const tap = path.join(root, `out/results/${step}.tap`);
  mkdirSync(path.dirname(tap), { recursive: true });
  const run = spawnSync(
    process.execPath,
    [
      [...flags, "--test", `--test-concurrency=${concurrency}`],
      ["--test-reporter=spec", "--test-reporter-destination=stdout"],
      ["--test-reporter=tap", `--test-reporter-destination=${tap}`],
      files,
    ].flat(),
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      // Tests have float32's tolerances, whatever this machine has installed.
      env: { ...process.env, RETUNE_OPENVINO: "off", ...env },
    },
  );
  // The last lines of TAP: "# pass 12".
  const summary = readFileSync(tap, "utf8");
  const count = (name) => {
    const lines = [...summary.matchAll(new RegExp(`^# ${name} (\\d+)$`, "gm"))];
    return Number(lines.at(-1)?.[1] ?? 0);
  };
  const failed = count("fail") + count("cancelled");
  const counts = { passed: count("pass"), failed, skipped: count("skipped") };
  const isGreen = run.status === 0 && counts.passed > 0;
  if (!isGreen && failed === 0) counts.failed = 1;
  writeCounts(step, counts);
  return isGreen ? 0 : 1;
}
