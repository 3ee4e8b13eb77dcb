/** A folder with a real file of every kind that Retune reads, and what reads each. */
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { evalCommand } from "../../../src/cli/eval.ts";
import { generateCommand } from "../../../src/cli/generate.ts";
import { inspectCommand } from "../../../src/cli/inspect.ts";
import { mergeCommand } from "../../../src/cli/merge.ts";
import { resumeCommand, trainCommand } from "../../../src/cli/train.ts";
import type { RecipeInput } from "../../../src/protocol/recipe.ts";
import { savedEvaluations } from "../../../src/runs/evaluations.ts";
import { MetricsTail } from "../../../src/run-folder/metrics-tail.ts";
import { readQueue } from "../../../src/runs/queue-file.ts";
import { resolveRecipe } from "../../../src/runs/resolve-recipe.ts";
import { readEvaluation, readRun } from "../../../src/run-folder/run.ts";
import { readInterpolation } from "../../../src/runs/interpolations/interpolation.ts";
import { summariseInterpolation } from "../../../src/runs/interpolations/summary.ts";
import { checkRecipe } from "../../../src/ui/recipes/check-recipe.ts";
import { summariseAdapter, summariseModel } from "../../../src/cards/model-summary.ts";
import { writeRecipe } from "../retune.ts";
import { writeTinyAdapter, writeTinyLlama } from "../tiny-llama.ts";

const GOLDEN = path.join(import.meta.dirname, "../../golden");
const CREATED = "2026-01-02T03:04:05.000Z";

/** An exit code, where it is a command's. */
type Reader = (dir: string) => Promise<unknown>;

export interface Kind {
  name: string;
  /** Files and folders, relative to the workspace, of which one file is changed. */
  files: readonly string[];
  /** What costs milliseconds: headers and JSON. */
  quick: Readonly<Record<string, Reader>>;
  /** What computes. */
  slow: Readonly<Record<string, Reader>>;
}

const inspect = (...args: readonly string[]): Reader => {
  return (dir) => inspectCommand.run(args.map((arg) => arg.replace("DIR", dir)));
};
const evaluate = (model: string, data = "data.jsonl", ...more: readonly string[]): Reader => {
  const place = (dir: string) => path.join(dir, model);
  return (dir) =>
    evalCommand.run([
      place(dir),
      "--data",
      path.join(dir, data),
      "--max-length",
      "128",
      ...more.map((arg) => arg.replace("DIR", dir)),
    ]);
};
const generate = (model: string, ...more: readonly string[]): Reader => {
  return (dir) =>
    generateCommand.run([
      path.join(dir, model),
      "--prompt",
      "a",
      "--max-tokens",
      "2",
      ...more.map((arg) => arg.replace("DIR", dir)),
    ]);
};
const merge = (...args: readonly string[]): Reader => {
  return async (dir) => {
    const out = path.join(dir, "merged");
    const code = await mergeCommand.run([
      ...args.map((arg) => arg.replace("DIR", dir)),
      "--out",
      out,
    ]);
    rmSync(out, { recursive: true, force: true });
    return code;
  };
};

const ofModel = (model: string): Kind["slow"] => ({
  eval: evaluate(model),
  generate: generate(model),
  "inspect --recipe": inspect("--recipe", "DIR/tiny.retune.json", "--no-measure"),
  merge: merge(`DIR/${model}`, "--adapter", "DIR/adapter", "--no-check"),
});

function modelKind(
  name: string,
  files: readonly string[],
  { model = "model", slow = ofModel(model) }: { model?: string; slow?: Kind["slow"] } = {},
): Kind {
  return {
    name,
    files: files.map((file) => path.join(model, file)),
    quick: {
      inspect: inspect(`DIR/${model}`),
      summariseModel: (dir) => summariseModel(path.join(dir, model)),
    },
    slow,
  };
}

function dataKind(file: string): Kind {
  return {
    name: file,
    files: [file],
    quick: { inspect: inspect(`DIR/${file}`) },
    slow: { eval: evaluate("model", file) },
  };
}

/** @param uses what it can be used for */
function adapterKind(folder: string, ...uses: readonly ("generate" | "merge")[]): Kind {
  const adapter = ["--adapter", `DIR/${folder}`];
  const slow = {
    generate: generate("model", ...adapter),
    merge: merge("DIR/model", ...adapter, "--no-check"),
  };
  return {
    name: folder,
    files: [folder],
    quick: {
      inspect: inspect(`DIR/${folder}`),
      summariseAdapter: (dir) => summariseAdapter(path.join(dir, folder)),
    },
    slow: {
      eval: evaluate(
        "model",
        folder === "classifier" ? "labelled.jsonl" : "data.jsonl",
        ...adapter,
      ),
      ...Object.fromEntries(uses.map((use) => [use, slow[use]])),
    },
  };
}

async function readWholeRun(dir: string): Promise<void> {
  const run = path.join(dir, "run");
  await readRun(run);
  await readEvaluation(run);
  const tail = new MetricsTail(path.join(run, "metrics.jsonl"));
  while ((await tail.read()).more);
}

async function readWholeInterpolation(dir: string): Promise<void> {
  const { definition, points } = (await readInterpolation(path.join(dir, "interpolation"))) ?? {};
  if (definition && points) summariseInterpolation(definition, points);
}

/** A run is refused or fails; either way its folder is as before for the next one. */
const resume: Reader = async (dir) => {
  const [run, kept] = [path.join(dir, "run"), path.join(dir, "run-kept")];
  cpSync(run, kept, { recursive: true });
  const code = await resumeCommand.run([run]);
  rmSync(run, { recursive: true });
  cpSync(kept, run, { recursive: true });
  rmSync(kept, { recursive: true });
  // A run that fails ends with 1.
  return code === 1 ? 0 : code;
};

export const KINDS: readonly Kind[] = [
  modelKind("config", ["config.json", "generation_config.json"]),
  modelKind("weights", ["model.safetensors"]),
  modelKind("tokenizer", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]),
  modelKind("template", ["chat_template.jinja"]),
  modelKind("shards", [""], { model: "sharded", slow: { merge: merge("DIR/config.yml") } }),
  modelKind("gguf", [""], {
    model: "tiny.gguf",
    slow: { eval: evaluate("tiny.gguf"), generate: generate("tiny.gguf") },
  }),
  adapterKind("adapter", "generate", "merge"),
  adapterKind("reft", "generate"),
  adapterKind("classifier"),
  ...["data.jsonl", "rows.csv", "rows.tsv", "rows.json", "rows.jsonl.gz", "chats-none.parquet"].map(
    dataKind,
  ),
  ...["chats-zstd.parquet", "chats-snappy.parquet", "labelled.jsonl"].map(dataKind),
  {
    name: "recipe",
    files: ["tiny.retune.json"],
    quick: {
      resolveRecipe: (dir) => resolveRecipe(path.join(dir, "tiny.retune.json")),
      checkRecipe: (dir) =>
        checkRecipe(readFileSync(path.join(dir, "tiny.retune.json"), "utf8"), dir),
    },
    slow: { "inspect --recipe": inspect("--recipe", "DIR/tiny.retune.json", "--no-measure") },
  },
  {
    name: "merge YAML",
    files: ["config.yml"],
    quick: {},
    slow: { merge: merge("DIR/config.yml") },
  },
  {
    name: "run",
    files: ["run"],
    quick: { inspect: inspect("DIR/run"), readRun: readWholeRun },
    slow: { resume },
  },
  {
    name: "interpolation",
    files: ["interpolation"],
    quick: { readInterpolation: readWholeInterpolation },
    slow: {},
  },
  {
    name: ".retune",
    files: [".retune"],
    quick: { readQueue: (dir) => readQueue(path.join(dir, ".retune")), savedEvaluations },
    slow: {},
  },
];

/** Every file of a kind, relative to the workspace. */
export function filesOf(dir: string, { files }: Kind): string[] {
  return files.flatMap((file) => {
    const place = path.join(dir, file);
    if (statSync(place).isFile()) return [file];
    return readdirSync(place, { recursive: true, encoding: "utf8" })
      .map((name) => path.join(file, name))
      .filter((name) => statSync(path.join(dir, name)).isFile());
  });
}

/** Runs three short trainings: a run folder, an adapter of ReFT's and a classifier as they really are. */
export async function writeFuzzWorkspace(dir: string): Promise<void> {
  writeModels(dir);
  const rows = Array.from({ length: 8 }, (_, n) => ({
    prompt: `What is ${n}?`,
    completion: ` ${n}.`,
  }));
  const labelled = rows.map(({ prompt }, n) => ({ text: prompt, label: n % 2 ? "odd" : "even" }));
  const lines = (of: readonly object[]): string => of.map((row) => JSON.stringify(row)).join("\n");
  writeFileSync(path.join(dir, "data.jsonl"), lines(rows));
  writeFileSync(path.join(dir, "labelled.jsonl"), lines(labelled));
  for (const name of readdirSync(path.join(GOLDEN, "rows"))) {
    if (!name.endsWith(".py")) cpSync(path.join(GOLDEN, "rows", name), path.join(dir, name));
  }
  const short: Partial<RecipeInput> = {
    maxSteps: 2,
    epochs: 1,
    saveEvery: 1,
    batchSize: 2,
    accumulate: 1,
  };
  const train = async (name: string, change: Partial<RecipeInput>): Promise<void> => {
    await trainCommand.run([
      writeRecipe(dir, { ...short, ...change }),
      "--run-dir",
      path.join(dir, name),
    ]);
  };
  const data = { train: "labelled.jsonl", evalSplit: 0.5, maxLength: 32 };
  await train("classifying", { objective: { type: "classification" }, data });
  await train("reft-run", { method: { type: "loreft", rank: 2, positions: "l1" } });
  cpSync(path.join(dir, "classifying/adapter"), path.join(dir, "classifier"), { recursive: true });
  cpSync(path.join(dir, "reft-run/adapter"), path.join(dir, "reft"), { recursive: true });
  await train("run", {});
  cpSync(path.join(dir, "classifying/evaluation.json"), path.join(dir, "run/evaluation.json"));
  change(path.join(dir, "run/state.json"), { status: "stopped" });
  change(path.join(dir, "run/recipe.json"), { maxSteps: 4 });
  writeFolders(dir);
}

function change(file: string, by: object): void {
  writeFileSync(
    file,
    JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), ...by }),
  );
}

function writeModels(dir: string): void {
  const model = path.join(dir, "model");
  writeTinyLlama(model);
  writeTinyAdapter(path.join(dir, "adapter"), model);
  const template = (
    JSON.parse(readFileSync(path.join(model, "tokenizer_config.json"), "utf8")) as {
      chat_template: string;
    }
  ).chat_template;
  writeFileSync(path.join(model, "chat_template.jinja"), template);
  writeFileSync(
    path.join(model, "generation_config.json"),
    '{"eos_token_id": [258], "temperature": 0.7}',
  );
  writeFileSync(
    path.join(model, "special_tokens_map.json"),
    '{"bos_token": "<|endoftext|>", "eos_token": {"content": "<|im_end|>", "lstrip": false}}',
  );
  const sharded = path.join(dir, "sharded");
  cpSync(path.join(GOLDEN, "mergekit/b"), sharded, { recursive: true });
  cpSync(path.join(GOLDEN, "mergekit/a"), path.join(dir, "other"), { recursive: true });
  cpSync(path.join(GOLDEN, "gguf/byte-level.gguf"), path.join(dir, "tiny.gguf"));
  writeFileSync(
    path.join(dir, "config.yml"),
    [
      "models:",
      "  - model: sharded\n    parameters: {weight: [0.5, 1]}",
      "  - model: other\n    parameters: {weight: 0.5, density: 0.5}",
      "merge_method: ties\nbase_model: sharded\nparameters: {normalize: true}\ndtype: float32\n",
    ].join("\n"),
  );
}

/** What the editor alone reads. */
function writeFolders(dir: string): void {
  const json = (name: string, value: unknown): void => {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), JSON.stringify(value));
  };
  const ends = { base: path.join(dir, "model"), adapter: path.join(dir, "adapter") };
  const data = [{ name: "mails", file: path.join(dir, "data.jsonl"), role: "validation" }];
  const alphas = [0, 1, 0.5];
  json("interpolation/interpolation.json", {
    version: 1,
    name: "mix",
    ...ends,
    alphas,
    data,
    createdAt: CREATED,
  });
  json("interpolation/state.json", { status: "finished", createdAt: CREATED, elapsedMs: 5 });
  const points = alphas.map((alpha) => ({
    alpha,
    results: { mails: { loss: 1, accuracy: 0.5, rows: 8 } },
  }));
  writeFileSync(
    path.join(dir, "interpolation/points.jsonl"),
    points.map((point) => `${JSON.stringify(point)}\n`).join(""),
  );
  const entry = { run: "a", host: "here", at: CREATED };
  json(".retune/queue.json", { version: 1, waiting: [entry], starting: [entry] });
  const result = { model: "a", data: "b", base: "/a", file: "/b", loss: 1, rows: 8, tokens: 9 };
  json(".retune/evaluations/one.json", {
    version: 1,
    name: "one",
    createdAt: CREATED,
    results: [result],
  });
}
