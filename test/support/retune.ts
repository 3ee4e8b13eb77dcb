/** Runs the real `retune` command from source, as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric, RunState } from "../../src/protocol/run-folder.ts";
import { createRun } from "../../src/run-folder/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { writeTinyLlama } from "./tiny-llama.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Bundled once for each test file: a process then starts in a fraction of the time. */
const bundles = new Map<string, Promise<string>>();
// Inside node_modules, so that the runtime left out of the bundle is found.
const bundleDir = path.join(ROOT, `node_modules/.cache/retune-test/${process.pid}`);

/** @param entry a file below src/; @returns the bundle, a CommonJS module */
export function bundleSource(entry: string): Promise<string> {
  const known = bundles.get(entry);
  if (known) return known;
  if (bundles.size === 0) process.once("exit", () => rmSync(bundleDir, { recursive: true }));
  const name = entry.replaceAll("/", "-").replace(/\.ts$/u, "");
  const made = build({
    entryPoints: {
      [name]: path.join(ROOT, "src", entry),
      "tensor-thread": path.join(ROOT, "src/merge/tensor-thread.ts"),
      "encoder-process": path.join(ROOT, "src/data/encoder-process.ts"),
      "template-thread": path.join(ROOT, "src/data/templates/template-thread.ts"),
    },
    outdir: bundleDir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    define: { "process.env.RETUNE_BUNDLED": '"1"', "import.meta.dirname": "__dirname" },
    external: ["onnxruntime-node", "tokenizers", "koffi"],
    logLevel: "warning",
  }).then(() => path.join(bundleDir, `${name}.cjs`));
  bundles.set(entry, made);
  return made;
}

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** @param entry a file below src/ */
async function startSource(
  entry: string,
  args: readonly string[],
): Promise<{ child: ChildProcess; finished: Promise<Finished> }> {
  return startProgram(await bundleSource(entry), args);
}

/** @param file a program that Node can run as it is */
export function startProgram(
  file: string,
  args: readonly string[],
): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, finished };
}

/** As `retune`, without waiting for its end. */
export function startRetune(...args: readonly string[]): ReturnType<typeof startSource> {
  return startSource("cli.ts", args);
}

export async function retune(...args: readonly string[]): Promise<Finished> {
  return (await startRetune(...args)).finished;
}

/** A temporary folder with the tiny Llama in `model` and 40 rows in `data.jsonl`. */
export function tinyWorkspace(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "retune-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeTinyLlama(path.join(dir, "model"));
  const rows = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ prompt: `What is ${i} squared?`, completion: ` It is ${i * i}.` }),
  );
  writeFileSync(path.join(dir, "data.jsonl"), rows.join("\n"));
  return dir;
}

/** Writes a recipe of 30 short steps into the workspace. */
export function writeRecipe(dir: string, change: Partial<RecipeInput> = {}): string {
  const recipe: RecipeInput = {
    base: "model",
    method: { type: "lora", rank: 4, dropout: 0.1 },
    data: { train: "data.jsonl", evalSplit: 0.2, maxLength: 64 },
    optimizer: { learningRate: 5e-3, warmupSteps: 3 },
    batchSize: 4,
    accumulate: 2,
    epochs: 7.5,
    evalEvery: 6,
    saveEvery: 5,
    // More threads than one take twice the processor's time for a model as small, and wait for each other.
    // It is an option of the engine that a recipe has when it names none.
    ...(change.engine === undefined ? { threads: 1 } : {}),
    ...change,
  };
  const file = path.join(dir, "tiny.retune.json");
  writeFileSync(file, JSON.stringify(recipe, null, 2));
  return file;
}

/** A queued run of such a recipe, in `runs` of the workspace unless said otherwise. */
export async function makeRun(
  dir: string,
  change: Partial<RecipeInput> = {},
  runsDir = path.join(dir, "runs"),
): Promise<string> {
  const recipe = await resolveRecipe(writeRecipe(dir, change));
  return createRun({ recipe, runsDir });
}

/**
 * The training process itself, on a run's folder.
 * @param entry another program's, by its path from src
 */
export function startTrainer(
  runDir: string,
  entry = "trainer/main.ts",
): ReturnType<typeof startSource> {
  return startSource(entry, [runDir]);
}

export function readState(runDir: string): RunState {
  return JSON.parse(readFileSync(path.join(runDir, "state.json"), "utf8")) as RunState;
}

export function readMetrics(runDir: string): Metric[] {
  return readFileSync(path.join(runDir, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Metric);
}

export function readLog(runDir: string): string {
  return readFileSync(path.join(runDir, "log.txt"), "utf8");
}

/** Waits for more lines of metrics than `step`, as long as it takes. */
export async function untilStep(runDir: string, step: number): Promise<void> {
  const file = path.join(runDir, "metrics.jsonl");
  const isThere = (): boolean =>
    existsSync(file) && readFileSync(file, "utf8").split("\n").length - 1 > step;
  while (!isThere()) await sleep(5);
}
