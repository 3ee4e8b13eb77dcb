/**
 * Every method on the same rows: what it learns, how much it trains, and what it takes. Real runs by
 * the `retune` command, one after the other, each in a process of its own.
 *
 *   npm run bench:methods -- [--base tiny|smollm2] [--steps N] [--methods a,b]
 *
 * smollm2 needs `node samples/fetch-smollm2.mjs` first.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { methodSchema } from "../../src/protocol/recipe.ts";
import { defaultLearningRate } from "../../src/runs/resolve-recipe.ts";
import { METHODS } from "./methods.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const SAMPLES = path.join(ROOT, "samples");
const BASES = {
  // A model of 2.4 million parameters takes ten times the steps that larger ones do.
  tiny: { model: "retune-tiny", data: "dictionary", steps: 150, rateFactor: 10 },
  smollm2: { model: "SmolLM2-135M-Instruct.gguf", data: "concise", steps: 60, rateFactor: 1 },
} as const;

interface Line {
  evalLoss?: number;
  evalAccuracy?: number;
  rssBytes?: number;
  elapsedMs: number;
}

interface Measured {
  name: string;
  trained: number;
  rate: number;
  before: number;
  after: number;
  accuracy: number;
  seconds: number;
  peakBytes: number;
}

function measure(name: string, base: keyof typeof BASES, steps: number): Measured {
  const { model, data, rateFactor } = BASES[base];
  const dir = path.join(ROOT, "out/bench/methods");
  const run = path.join(dir, "run");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const file = (kind: string): string => path.join(SAMPLES, "data", `${data}-${kind}.jsonl`);
  const { optimizer, ...method } = METHODS[name] ?? {};
  const usual = defaultLearningRate(methodSchema.parse(method.method));
  const learningRate = rateFactor * (optimizer?.learningRate ?? usual);
  const recipe = {
    base: path.join(SAMPLES, "models", model),
    data: { train: file("train"), eval: file("eval"), maxLength: 128 },
    ...method,
    optimizer: { learningRate, schedule: "cosine", warmupSteps: 0.05 },
    batchSize: 8,
    epochs: 100,
    maxSteps: steps,
    evalEvery: Math.ceil(steps / 3),
    saveEvery: 0,
    keepBest: false,
    seed: 42,
  };
  const recipeFile = path.join(dir, "case.retune.json");
  writeFileSync(recipeFile, JSON.stringify(recipe));
  const cli = path.join(ROOT, "dist/cli.cjs");
  const ended = spawnSync(
    process.execPath,
    [cli, "train", recipeFile, "--run-dir", run, "--json"],
    {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    },
  );
  if (ended.status !== 0) throw new Error(`${name}: ${ended.stderr.trim().split("\n").at(-1)}`);
  const lines = readFileSync(path.join(run, "metrics.jsonl"), "utf8").trim().split("\n");
  const metrics = lines.map((line) => JSON.parse(line) as Line);
  const evaluations = metrics.filter(({ evalLoss }) => evalLoss !== undefined);
  const state = JSON.parse(readFileSync(path.join(run, "state.json"), "utf8"));
  return {
    name,
    trained: state.trainableParameters,
    rate: learningRate,
    before: evaluations[0]?.evalLoss ?? Number.NaN,
    after: evaluations.at(-1)?.evalLoss ?? Number.NaN,
    accuracy: evaluations.at(-1)?.evalAccuracy ?? Number.NaN,
    seconds: (metrics.at(-1)?.elapsedMs ?? 0) / 1000,
    peakBytes: Math.max(...metrics.map(({ rssBytes }) => rssBytes ?? 0)),
  };
}

function row({
  name,
  trained,
  rate,
  before,
  after,
  accuracy,
  seconds,
  peakBytes,
}: Measured): string {
  const cells = [
    name,
    trained.toLocaleString("en"),
    rate.toExponential(),
    `${before.toFixed(3)} → ${after.toFixed(3)}`,
    `${(100 * accuracy).toFixed(1)} %`,
    seconds.toFixed(0),
    (peakBytes / 1e6).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}

const { values } = parseArgs({
  options: {
    base: { type: "string", default: "tiny" },
    steps: { type: "string" },
    methods: { type: "string" },
  },
});
const base = values.base === "smollm2" ? "smollm2" : "tiny";
const steps = Number(values.steps ?? BASES[base].steps);
const names = values.methods?.split(",") ?? Object.keys(METHODS);
console.log(
  `${BASES[base].model}, ${BASES[base].data}, ${steps} steps of 8 rows, ${cpus()[0]?.model}\n`,
);
console.log("| method | trained | learning rate | evaluation loss | accuracy | s | MB |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const name of names) console.log(row(measure(name, base, steps)));
