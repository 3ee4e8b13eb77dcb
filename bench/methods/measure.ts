/** One run of the `retune` command in a process of its own, and what it says of itself. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type RecipeInput } from "../../src/protocol/recipe.ts";
import { methodSchema } from "../../src/protocol/methods.ts";
import { defaultLearningRate } from "../../src/runs/default-settings.ts";

const ROOT = path.join(import.meta.dirname, "../..");
export const SAMPLES = path.join(ROOT, "samples");
const CLI = path.join(ROOT, "dist/cli.cjs");
const DIR = path.join(ROOT, "out/bench/methods");
/** The folder of the last run. */
export const RUN = path.join(DIR, "run");

export interface Line {
  evalLoss?: number;
  evalAccuracy?: number;
  evalMacroF1?: number;
  rssBytes?: number;
  elapsedMs: number;
}

export interface Measured {
  trained: number;
  rate: number;
  first: Line;
  last: Line;
  seconds: number;
  peakBytes: number;
}

export interface Case {
  name: string;
  recipe: RecipeInput;
  /** What the method's own learning rate is multiplied by. */
  rateFactor: number;
}

export function retune(name: string, args: readonly string[]): string {
  const ended = spawnSync(process.execPath, [CLI, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (ended.status !== 0) throw new Error(`${name}: ${ended.stderr.trim().split("\n").at(-1)}`);
  return ended.stdout;
}

export function measure({ name, recipe, rateFactor }: Case): Measured {
  rmSync(DIR, { recursive: true, force: true });
  mkdirSync(DIR, { recursive: true });
  const own = recipe.optimizer?.learningRate;
  const rate = rateFactor * (own ?? defaultLearningRate(methodSchema.parse(recipe.method)));
  const optimizer = { schedule: "cosine", warmupSteps: 0.05, learningRate: rate };
  const file = path.join(DIR, "case.retune.json");
  writeFileSync(file, JSON.stringify({ ...recipe, optimizer }));
  retune(name, ["train", file, "--run-dir", RUN, "--json"]);
  const lines = readFileSync(path.join(RUN, "metrics.jsonl"), "utf8").trim().split("\n");
  const metrics = lines.map((line) => JSON.parse(line) as Line);
  const evaluations = metrics.filter(({ evalLoss }) => evalLoss !== undefined);
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  if (!first || !last) throw new Error(`${name}: nothing was evaluated`);
  const state = JSON.parse(readFileSync(path.join(RUN, "state.json"), "utf8"));
  return {
    trained: state.trainableParameters,
    rate,
    first,
    last,
    seconds: (metrics.at(-1)?.elapsedMs ?? 0) / 1000,
    peakBytes: Math.max(...metrics.map(({ rssBytes }) => rssBytes ?? 0)),
  };
}

export function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

export function percent(share: number | undefined): string {
  return share === undefined ? "" : `${(100 * share).toFixed(1)} %`;
}
