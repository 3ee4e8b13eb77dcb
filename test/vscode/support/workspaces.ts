// The workspaces that the suites open, each written into an empty folder. What is broken in them is
// broken on purpose.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { root } from "../../../.ci/install.mjs";
import type { ClassifierEvaluation } from "../../../src/protocol/evaluation.ts";
import type { RecipeInput, ResolvedRecipe } from "../../../src/protocol/recipe.ts";
import { RUN_FILES, RUNS_FOLDER, type RunState } from "../../../src/protocol/run-folder.ts";
import { writeTinyAdapter, writeTinyLlama } from "../../support/tiny-llama.ts";

const CREATED_AT = "2026-01-02T03:04:05.000Z";

export function emptyWorkspace(folder: string): void {
  mkdirSync(folder, { recursive: true });
}

/** A copy of samples/, without what runs and downloads have left there. */
export function samplesWorkspace(folder: string): void {
  cpSync(path.join(root, "samples"), folder, {
    recursive: true,
    filter: (file) => !/[\\/](\.retune|\.cache|build|[^\\/]*\.gguf)$/.test(file),
  });
}

/** `models/tiny`, 40 chat rows in `data/`, and recipes: a quick one, and `long`, which is stopped. */
export function tinyWorkspace(folder: string): void {
  writeTinyLlama(path.join(folder, "models/tiny"));
  writeRows(path.join(folder, "data/train.jsonl"), 32);
  writeRows(path.join(folder, "data/eval.jsonl"), 8);
  const quick: RecipeInput = {
    name: "quick",
    base: "models/tiny",
    method: { type: "lora", rank: 4, alpha: 8 },
    data: { train: "data/train.jsonl", eval: "data/eval.jsonl", maxLength: 64 },
    optimizer: { learningRate: 0.01, schedule: "constant" },
    batchSize: 4,
    maxSteps: 12,
    epochs: 2,
    evalEvery: 4,
    saveEvery: 4,
    threads: 1,
  };
  writeRecipe(folder, "quick", quick);
  writeRecipe(folder, "long", { ...quick, name: "long", maxSteps: 200_000, epochs: 100_000 });
}

/** The tiny workspace with rows that have labels beside those that have none. */
export function labelledWorkspace(folder: string): void {
  tinyWorkspace(folder);
  const write = (name: string, count: number, first: number): void => {
    const rows = Array.from({ length: count }, (_, index) => {
      const n = first + index;
      const isSum = index % 2 === 0;
      const text = isSum ? `${n} plus ${n + 3}` : `the word ${"abcdefgh".slice(index % 5)}`;
      return JSON.stringify({ text, label: isSum ? "sum" : "word" });
    });
    writeFileSync(path.join(folder, "data", name), `${rows.join("\n")}\n`);
  };
  write("train-labels.jsonl", 40, 0);
  write("eval-labels.jsonl", 12, 100);
}

/** The tiny workspace with everything in it that can go wrong. */
export function brokenWorkspace(folder: string): void {
  tinyWorkspace(folder);
  const recipe = (name: string, change: Record<string, unknown>) =>
    writeRecipe(folder, name, {
      base: "models/tiny",
      data: { train: "data/train.jsonl" },
      ...change,
    });
  recipe("unknown-key", { learning_rate: 1 });
  recipe("wrong-type", { batchSize: "four" });
  recipe("contradicted", { method: { type: "freeze" } });
  recipe("options-inside", { engine: { type: "onnx", device: "cpu", threads: 1 } });
  recipe("bad-option", { engine: { type: "onnx", threads: 0 } });
  recipe("missing-data", { data: { train: "data/no-such-file.jsonl" } });
  recipe("missing-base", { base: "models/no-such-model" });
  recipe("broken-base", { base: "models/truncated" });
  recipe("lying-base", { base: "models/lying" });
  recipe("broken-row", { data: { train: "data/broken-row.jsonl", maxLength: 64 } });
  writeFileSync(path.join(folder, "not-json.retune.json"), '{ "base": "models/tiny", ');
  writeTruncatedLlama(path.join(folder, "models/truncated"));
  writeTinyLlama(path.join(folder, "models/lying"));
  // A header that claims to be longer than its file.
  const lying = Buffer.alloc(16);
  lying.writeBigUInt64LE(2n ** 40n);
  writeFileSync(path.join(folder, "models/lying/model.safetensors"), lying);
  writeFileSync(
    path.join(folder, "data/broken-row.jsonl"),
    '{"prompt":"a","completion":"b"}\n{"prompt":"a","completion":\n',
  );
}

/**
 * The tiny workspace after some runs: one finished with its adapter, one failed, one whose process
 * is gone. Beside them a base model that was cut short.
 */
export function historyWorkspace(folder: string): void {
  tinyWorkspace(folder);
  writeTruncatedLlama(path.join(folder, "models/truncated"));
  const started = { createdAt: CREATED_AT, startedAt: CREATED_AT, totalSteps: 12 };
  writeRun(folder, "run-finished", {
    ...started,
    status: "finished",
    step: 12,
    loss: 2.5,
    evalLoss: 2.75,
    elapsedMs: 61_000,
    endedAt: "2026-01-02T03:05:06.000Z",
  });
  const adapter = path.join(folder, RUNS_FOLDER, "run-finished", RUN_FILES.adapter);
  writeTinyAdapter(adapter, path.join(folder, "models/tiny"));
  writeRun(folder, "run-failed", {
    ...started,
    status: "failed",
    step: 0,
    message: "data/train.jsonl: line 7 is not JSON",
    endedAt: CREATED_AT,
  });
  writeRun(folder, "run-gone", { ...started, status: "running", step: 5, heartbeatAt: CREATED_AT });
}

/**
 * The history workspace with more data to evaluate on, a second model of the tiny one's shape, one of
 * another shape, and rows that can't be read.
 */
export function labWorkspace(folder: string): void {
  historyWorkspace(folder);
  writeRows(path.join(folder, "data/valid.jsonl"), 6);
  const other = Array.from({ length: 6 }, (_, i) => JSON.stringify({ text: `${i} is a number` }));
  writeFileSync(path.join(folder, "data/other.jsonl"), `${other.join("\n")}\n`);
  mkdirSync(path.join(folder, "broken"));
  writeFileSync(path.join(folder, "broken/torn.jsonl"), '{"text": "a"}\n{"text": \n');
  const misfit = path.join(folder, "models/misfit");
  writeTinyLlama(misfit);
  const config = path.join(misfit, "config.json");
  const change = { num_attention_heads: 2 };
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), ...change }));
}

/** What whoever made the folder would like to have clicked. */
export const HOSTILE_NAME = "[Click me](command:workbench.action.openSettings) $(alert)";

/** The history workspace with a run in it whose name and message are links; it is about to start. */
export function hostileWorkspace(folder: string): void {
  historyWorkspace(folder);
  writeRun(folder, "run-hostile", { createdAt: CREATED_AT, status: "queued", step: 0 });
  const file = path.join(folder, RUNS_FOLDER, "run-hostile", RUN_FILES.recipe);
  const recipe = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...recipe, name: HOSTILE_NAME }));
}

/** The run of `hostileWorkspace` fails, as if by itself. */
export function failHostileRun(folder: string): void {
  writeFileSync(
    path.join(folder, RUNS_FOLDER, "run-hostile", RUN_FILES.state),
    JSON.stringify({
      createdAt: CREATED_AT,
      endedAt: CREATED_AT,
      status: "failed",
      step: 0,
      message: "see [the help](command:workbench.action.openSettings)",
    }),
  );
}

/** Names that no one would choose for a table. */
const LONG_LABEL =
  "Kitchen appliances and everything else that is plugged in, worn out, returned or never picked up";
function labelName(index: number): string {
  if (index % 9 === 0) return `${LONG_LABEL} (${index})`;
  return index % 9 === 1 ? `<b>${index}</b>` : `topic ${index}`;
}

/** The tiny workspace after runs that told 54 and 120 labels apart, some of them with very long names. */
export function manyLabelsWorkspace(folder: string): void {
  tinyWorkspace(folder);
  for (const count of [54, 120]) writeLabelsRun(folder, count);
}

function writeLabelsRun(folder: string, count: number): void {
  const name = `labels-${count}`;
  const labels = Array.from({ length: count }, (_, index) => labelName(index));
  writeRun(folder, name, {
    createdAt: CREATED_AT,
    startedAt: CREATED_AT,
    totalSteps: 12,
    status: "finished",
    step: 12,
    loss: 2.5,
    evalLoss: 2.75,
    evalAccuracy: 0.5,
    elapsedMs: 61_000,
    endedAt: "2026-01-02T03:05:06.000Z",
  });
  const dir = path.join(folder, RUNS_FOLDER, name);
  const recipe = path.join(dir, RUN_FILES.recipe);
  const objective = { type: "classification", problem: "single-label", pooling: "last" };
  const written = JSON.parse(readFileSync(recipe, "utf8"));
  writeFileSync(recipe, JSON.stringify({ ...written, name, objective }));
  const confusion = labels.map((_, row) =>
    labels.map((__, given) => (row === given ? 1000 + row : given === (row + 1) % count ? row : 0)),
  );
  const evaluation: ClassifierEvaluation = {
    step: 12,
    rows: confusion.flat().reduce((sum, cell) => sum + cell, 0),
    loss: 2.75,
    problem: "single-label",
    accuracy: 0.975,
    macroF1: 0.974,
    scores: labels.map((label, row) => ({
      label,
      precision: 0.97,
      recall: 0.98,
      f1: 0.975,
      support: 1000 + 2 * row,
    })),
    confusion,
  };
  writeFileSync(path.join(dir, RUN_FILES.evaluation), JSON.stringify(evaluation));
}

/** A Llama of 43 billion parameters, to be drawn at random: a config and a tokenizer say all. */
export function hugeWorkspace(folder: string): void {
  tinyWorkspace(folder);
  const huge = path.join(folder, "models/huge");
  cpSync(path.join(folder, "models/tiny"), huge, { recursive: true });
  rmSync(path.join(huge, "model.safetensors"));
  const config = path.join(huge, "config.json");
  const change = { hidden_size: 16_384, intermediate_size: 65_536, num_hidden_layers: 10 };
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), ...change }));
  writeRecipe(folder, "huge", {
    name: "huge",
    base: "models/huge",
    method: { type: "full", init: "random" },
    data: { train: "data/train.jsonl", maxLength: 64 },
  });
}

function writeTruncatedLlama(folder: string): void {
  writeTinyLlama(folder);
  truncateSync(path.join(folder, "model.safetensors"), 50_000);
}

function writeRows(file: string, count: number): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const rows = Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      messages: [
        { role: "user", content: `Say ${index}` },
        { role: "assistant", content: "I say yes." },
      ],
    }),
  );
  writeFileSync(file, `${rows.join("\n")}\n`);
}

function writeRecipe(folder: string, name: string, recipe: unknown): void {
  writeFileSync(path.join(folder, `${name}.retune.json`), JSON.stringify(recipe, null, 2));
}

function writeRun(folder: string, name: string, state: RunState): void {
  const dir = path.join(folder, RUNS_FOLDER, name);
  mkdirSync(dir, { recursive: true });
  const recipe: ResolvedRecipe = {
    name,
    base: path.join(folder, "models/tiny"),
    engine: "onnx",
    quantization: "none",
    memory: "auto",
    device: "auto",
    method: {
      type: "lora",
      rank: 4,
      alpha: 8,
      dropout: 0,
      targets: "all-linear",
      variant: "lora",
    },
    objective: { type: "sft", lossOn: "auto" },
    data: {
      train: path.join(folder, "data/train.jsonl"),
      format: "auto",
      maxLength: 64,
      overlong: "truncate",
      packing: "auto",
    },
    optimizer: {
      type: "adamw",
      learningRate: 0.01,
      weightDecay: 0,
      betas: [0.9, 0.999],
      epsilon: 1e-8,
      schedule: "constant",
      warmupSteps: 0,
      maxGradNorm: 1,
    },
    batchSize: 4,
    accumulate: 1,
    epochs: 2,
    seed: 42,
    evalEvery: 4,
    saveEvery: 4,
    keepCheckpoints: 2,
    keepBest: true,
    bestBy: "loss",
    source: { retuneVersion: "0.1.0", createdAt: CREATED_AT },
  };
  writeFileSync(path.join(dir, RUN_FILES.recipe), JSON.stringify(recipe, null, 2));
  writeFileSync(path.join(dir, RUN_FILES.state), JSON.stringify(state, null, 2));
  const metrics = Array.from({ length: state.step }, (_, index) =>
    JSON.stringify({ step: index + 1, epoch: index / 8, loss: 4 - index / 8, elapsedMs: index }),
  );
  writeFileSync(path.join(dir, RUN_FILES.metrics), metrics.map((line) => `${line}\n`).join(""));
  writeFileSync(path.join(dir, RUN_FILES.log), "");
}

export const hasSamples = existsSync(
  path.join(root, "samples/models/retune-tiny/model.safetensors"),
);

/** The samples' base model and data, and a few rows of each kind for runs of seconds. */
export function defaultsWorkspace(folder: string): void {
  const samples = path.join(root, "samples");
  cpSync(path.join(samples, "models/retune-tiny"), path.join(folder, "models/retune-tiny"), {
    recursive: true,
  });
  mkdirSync(path.join(folder, "data"), { recursive: true });
  for (const [name, few] of [
    ["dictionary", 8],
    ["topics", 12],
  ] as const) {
    const read = (part: string) =>
      readFileSync(path.join(samples, `data/${name}-${part}.jsonl`), "utf8");
    const write = (file: string, rows: string) =>
      writeFileSync(path.join(folder, `data/${file}.jsonl`), rows);
    write(`${name}-train`, read("train"));
    write(`${name}-eval`, read("eval"));
    // Their own evaluation: others' labels may not be among so few.
    const some = `${read("train").split("\n").slice(0, few).join("\n")}\n`;
    write(`few-${name}-train`, some);
    write(`few-${name}-eval`, some);
  }
}
