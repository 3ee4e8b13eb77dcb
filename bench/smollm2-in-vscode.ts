/**
 * Fine-tunes SmolLM2-135M-Instruct as a person does: the packaged extension in a real VS Code opens a
 * copy of samples/, the recipe's Start Run is clicked, and what the run folder says is printed.
 *
 *   node samples/fetch-smollm2.mjs && npx tsx bench/smollm2-in-vscode.ts
 *
 * Leaves pictures in out/screenshots/ and the run in out/smollm2-run/. Linux (VS Code's server).
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { root } from "../.ci/install.mjs";
import { packageExtension } from "../.ci/package.mjs";
import { RUNS_FOLDER, type Metric } from "../src/protocol/run-folder.ts";
import { isActive } from "../src/runs/run-status.ts";
import { openSession } from "../test/ui-vsix/session.ts";
import { until } from "../test/vscode/support/until.ts";
import { samplesWorkspace } from "../test/vscode/support/workspaces.ts";

const MODEL = "models/SmolLM2-135M-Instruct.gguf";
const RECIPE = "smollm2.retune.json";
const RUN_LIMIT_MS = 60 * 60_000;
const TARGET_FALL = 0.2;

const model = path.join(root, "samples", MODEL);
if (!existsSync(model)) throw new Error(`${model} is missing: node samples/fetch-smollm2.mjs`);
process.env["RETUNE_VSIX"] = packageExtension();

const session = await openSession({
  folderName: "samples",
  prepare: (workspace) => {
    samplesWorkspace(workspace);
    copyFileSync(model, path.join(workspace, MODEL));
  },
});
try {
  const { workbench } = session;
  await workbench.openFile(RECIPE);
  await workbench.codeLens("Start Run").click();
  const ended = await until(
    () => {
      const [newest] = session.states();
      return newest && !isActive(newest.state.status) ? newest : undefined;
    },
    { limitMs: RUN_LIMIT_MS, what: () => "the run to end" },
  );
  await workbench.notification(/smollm2-concise finished/).waitFor();
  const pictures = path.join(root, "out/screenshots");
  mkdirSync(pictures, { recursive: true });
  await workbench.screenshot(pictures, "smollm2");
  const kept = path.join(root, "out/smollm2-run");
  const runDir = path.join(session.workspace, RUNS_FOLDER, ended.run);
  rmSync(kept, { recursive: true, force: true });
  cpSync(runDir, kept, { recursive: true });
  report(kept, ended.state.status);
} finally {
  await session.close();
}

function report(runDir: string, status: string): void {
  const metrics = readFileSync(path.join(runDir, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Metric);
  const evaluations = metrics.filter(({ evalLoss }) => evalLoss !== undefined);
  const [first, last] = [evaluations[0]?.evalLoss ?? NaN, evaluations.at(-1)?.evalLoss ?? NaN];
  const fall = 1 - last / first;
  const rss = Math.max(...metrics.map(({ rssBytes = 0 }) => rssBytes));
  const rates = metrics
    .flatMap(({ tokensPerSecond }) => tokensPerSecond ?? [])
    .toSorted((a, b) => a - b);
  const rows: [string, string][] = [
    ["status", status],
    ["processor", `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`],
    ["steps", String(metrics.at(-1)?.step)],
    ["eval loss before", first.toFixed(3)],
    ["eval loss after", last.toFixed(3)],
    ["fall", `${(100 * fall).toFixed(1)} %`],
    ["training and evaluation", `${((metrics.at(-1)?.elapsedMs ?? NaN) / 1000).toFixed(0)} s`],
    ["tokens per second (median)", String(rates[Math.floor(rates.length / 2)])],
    ["peak memory", `${(rss / 1e9).toFixed(2)} GB`],
  ];
  for (const [name, value] of rows) console.log(`| ${name.padEnd(26)} | ${value} |`);
  if (!(status === "finished" && fall >= TARGET_FALL)) process.exitCode = 1;
}
