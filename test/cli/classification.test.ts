/** Classification from recipe to labels, with the command alone. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { evaluationSchema } from "../../src/protocol/evaluation.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import {
  readLog,
  readMetrics,
  readState,
  retune,
  tinyWorkspace,
  writeRecipe,
} from "../support/retune.ts";

type Row = Record<string, unknown>;

/** Sums are labelled by their sign, words by being one: all that a byte model of two layers can see. */
function labelledRow(index: number): Row {
  const isSum = index % 2 === 0;
  const text = isSum ? `${index} plus ${index + 3}` : `the word ${"abcdefgh".slice(index % 5)}`;
  return { text, label: isSum ? "sum" : "word" };
}

function writeRows(file: string, count: number, row: (index: number) => Row): void {
  writeFileSync(file, Array.from({ length: count }, (_, i) => JSON.stringify(row(i))).join("\n"));
}

const OBJECTIVE = { type: "classification" } as const;

function workspace(t: TestContext, row = labelledRow): string {
  const dir = tinyWorkspace(t);
  writeRows(path.join(dir, "train.jsonl"), 48, row);
  writeRows(path.join(dir, "eval.jsonl"), 20, (index) => row(index + 100));
  return dir;
}

function recipe(dir: string, change: Partial<RecipeInput>): string {
  return writeRecipe(dir, {
    data: { train: "train.jsonl", eval: "eval.jsonl", maxLength: 48 },
    objective: OBJECTIVE,
    epochs: 4,
    ...change,
  });
}

const METHODS: Record<string, { change: Partial<RecipeInput>; output: string }> = {
  "linear probe": {
    change: { method: { type: "head" }, optimizer: { learningRate: 2e-2 }, epochs: 30 },
    output: "model",
  },
  LoRA: { change: { method: { type: "lora", rank: 4, targets: "all-linear" } }, output: "adapter" },
  "(IA)³": {
    change: { method: { type: "ia3" }, optimizer: { learningRate: 2e-2 }, epochs: 12 },
    output: "adapter",
  },
  "LP-FT": {
    change: {
      method: { type: "full" },
      objective: { ...OBJECTIVE, probe: { epochs: 30, learningRate: 2e-2 } },
      optimizer: { learningRate: 1e-3 },
    },
    output: "model",
  },
  "prompt tuning": {
    change: {
      method: { type: "prompt-tuning", tokens: 4 },
      optimizer: { learningRate: 2e-2 },
      epochs: 12,
    },
    output: "adapter",
  },
  "prefix tuning after a probe": {
    change: {
      method: { type: "prefix-tuning", tokens: 4 },
      objective: { ...OBJECTIVE, probe: { epochs: 30, learningRate: 2e-2 } },
    },
    output: "adapter",
  },
  "LoReFT, mean of the states": {
    change: {
      method: { type: "loreft", rank: 4, positions: "f3+l3" },
      objective: { ...OBJECTIVE, pooling: "mean" },
      optimizer: { learningRate: 1e-2 },
      epochs: 12,
    },
    output: "adapter",
  },
  "the last block, mean of the states": {
    change: {
      method: { type: "freeze" },
      trainLast: 1,
      objective: { ...OBJECTIVE, pooling: "mean" },
    },
    output: "model",
  },
};

for (const [name, { change, output }] of Object.entries(METHODS)) {
  test(`${name}: learns to label, and what it wrote labels the same rows the same`, async (t) => {
    const dir = workspace(t);
    const run = path.join(dir, "run");
    const trained = await retune("train", recipe(dir, change), "--run-dir", run);
    assert.equal(trained.code, 0, trained.stderr);
    const evaluations = readMetrics(run).filter(({ evalLoss }) => evalLoss !== undefined);
    const [first, last] = [evaluations[0]!, evaluations.at(-1)!];
    assert.ok(last.evalLoss! < 0.8 * first.evalLoss! || name === "LP-FT", JSON.stringify(last));
    assert.ok(last["evalAccuracy"]! >= 0.9, `accuracy ${last["evalAccuracy"]}`);
    assert.ok(last["evalMacroF1"]! >= 0.89, `macro-F1 ${last["evalMacroF1"]}`);

    const file = path.join(run, "evaluation.json");
    const { step: _, ...kept } = evaluationSchema.parse(JSON.parse(readFileSync(file, "utf8")));
    assert.ok(kept.problem === "single-label" && kept.rows === 20);
    const base = output === "model" ? path.join(run, "model") : path.join(dir, "model");
    const adapter = output === "model" ? [] : ["--adapter", path.join(run, "adapter")];
    const data = ["--data", path.join(dir, "eval.jsonl"), "--max-length", "48"];
    const from = ["--features-from", path.join(dir, "model"), "--json"];
    const evaluated = await retune("eval", base, ...adapter, ...data, ...from);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    const { loss, featureDistortion: moved, ...figures } = JSON.parse(evaluated.stdout);
    const { loss: keptLoss, featureDistortion: keptMoved, ...keptFigures } = kept;
    assert.deepEqual(figures, keptFigures);
    // A model folder holds bfloat16 or float16 where its base does; the tiny one is float32.
    assert.ok(Math.abs(loss - keptLoss) < 1e-4 * Math.max(1, keptLoss), `${loss} ${keptLoss}`);
    assert.ok(Math.abs(moved.mean - keptMoved!.mean) < 1e-3, `${moved.mean}, ${keptMoved!.mean}`);
    assert.equal(keptMoved!.mean > 0, name !== "linear probe");

    const shown = await retune("eval", base, ...adapter, ...data);
    assert.match(
      shown.stdout,
      /^loss \d\.\d{4} {2}accuracy \d\.\d{4} {2}macro-F1 \d\.\d{4} {2}rows 20$/m,
    );
    assert.match(shown.stdout, /^label \\ given +sum +word$/m);
    const spoken = await retune("generate", base, ...adapter, "--prompt", "1 plus 2");
    assert.equal(spoken.code, 2);
    assert.match(spoken.stderr, /labels text and has no head to write it with/);
  });
}

test("LP-FT begins with the probed head: its first evaluation is right already", async (t) => {
  const dir = workspace(t);
  const run = path.join(dir, "run");
  const { change } = METHODS["LP-FT"]!;
  const trained = await retune("train", recipe(dir, change), "--run-dir", run);
  assert.equal(trained.code, 0, trained.stderr);
  const [first] = readMetrics(run).filter(({ evalLoss }) => evalLoss !== undefined);
  assert.equal(first!.step, 0);
  assert.ok(first!["evalAccuracy"]! >= 0.9, `accuracy ${first!["evalAccuracy"]}`);
  assert.match(readLog(run), /probed the head: \d+ updates/);
});

test("several labels a row, and a number a row", async (t) => {
  const problems = {
    "multi-label": (index: number): Row => {
      const { text, label } = labelledRow(index);
      return { text, labels: index % 3 === 0 ? [label, "third"] : [label] };
    },
    regression: (index: number): Row => {
      const { text, label } = labelledRow(index);
      return { text, label: label === "sum" ? 1 : -1 };
    },
  } as const;
  for (const [problem, row] of Object.entries(problems)) {
    const dir = workspace(t, row as never);
    const run = path.join(dir, "run");
    const objective = { ...OBJECTIVE, problem: problem as keyof typeof problems };
    const file = recipe(dir, { method: { type: "lora", rank: 4 }, objective });
    const trained = await retune("train", file, "--run-dir", run);
    assert.equal(trained.code, 0, trained.stderr);
    const evaluations = readMetrics(run).filter(({ evalLoss }) => evalLoss !== undefined);
    assert.ok(evaluations.at(-1)!.evalLoss! < 0.8 * evaluations[0]!.evalLoss!, problem);
    const text = readFileSync(path.join(run, "evaluation.json"), "utf8");
    const evaluation = evaluationSchema.parse(JSON.parse(text));
    assert.equal(evaluation.problem, problem);
    if (evaluation.problem === "regression") assert.ok(evaluation.r2! > 0.5, String(evaluation.r2));
    const base = [path.join(dir, "model"), "--adapter", path.join(run, "adapter")];
    const shown = await retune("eval", ...base, "--data", path.join(dir, "eval.jsonl"));
    const first = problem === "regression" ? /^mean squared error / : /^loss .*accuracy /;
    assert.match(shown.stdout, first, shown.stderr);
  }
});

for (const type of ["lora", "loreft"] as const)
  test(`a resumed classification run of ${type} ends as if it had never been interrupted`, async (t) => {
    const dir = workspace(t);
    const method = type === "lora" ? { type, rank: 2 } : { type, rank: 2, positions: "f3+l3" };
    const change: Partial<RecipeInput> = { method, maxSteps: 12 };
    const probe = { epochs: 5, learningRate: 1e-2 };
    const whole = recipe(dir, { ...change, objective: { ...OBJECTIVE, probe }, keepBest: false });
    const [a, b] = [path.join(dir, "a"), path.join(dir, "b")];
    assert.equal((await retune("train", whole, "--run-dir", a)).code, 0);
    // Cut back to its checkpoint of step 10: state and log then are those of a run that died.
    assert.equal((await retune("train", whole, "--run-dir", b)).code, 0);
    rmSync(path.join(b, "checkpoints/step-000012"), { recursive: true });
    const state = readState(b);
    writeFileSync(path.join(b, "state.json"), JSON.stringify({ ...state, status: "stopped" }));
    const resumed = await retune("resume", b);
    assert.equal(resumed.code, 0, resumed.stderr);
    const file = type === "lora" ? "adapter_model.safetensors" : "reft_model.safetensors";
    const weights = (run: string): Buffer => readFileSync(path.join(run, "adapter", file));
    assert.deepEqual(weights(b), weights(a));
    const evaluation = (run: string): unknown =>
      JSON.parse(readFileSync(path.join(run, "evaluation.json"), "utf8"));
    assert.deepEqual(evaluation(b), evaluation(a));
  });

test("bestBy accuracy keeps the step that labels most rows right, though its loss is not the lowest", async (t) => {
  // Nine of twenty evaluation rows are labelled wrong: who grows surer of the right labels loses by it.
  const dir = workspace(t);
  writeRows(path.join(dir, "eval.jsonl"), 20, (index) => {
    const { text, label } = labelledRow(index + 100);
    return { text, label: index < 9 ? (label === "sum" ? "word" : "sum") : label };
  });
  const change = { method: { type: "lora", rank: 4 }, evalEvery: 2, epochs: 3 } as const;
  const kept: Record<string, number> = {};
  for (const bestBy of ["loss", "accuracy", "macroF1"] as const) {
    const run = path.join(dir, bestBy);
    const optimizer = { learningRate: 2e-3 };
    const trained = await retune(
      "train",
      recipe(dir, { ...change, optimizer, bestBy }),
      "--run-dir",
      run,
    );
    assert.equal(trained.code, 0, trained.stderr);
    const worth = { loss: "evalLoss", accuracy: "evalAccuracy", macroF1: "evalMacroF1" } as const;
    const best = readMetrics(run)
      .filter(({ evalLoss, step }) => evalLoss !== undefined && step > 0)
      .toSorted((a, b) => a.evalLoss! - b.evalLoss!)
      .toSorted((a, b) => (bestBy === "loss" ? 0 : b[worth[bestBy]]! - a[worth[bestBy]]!))[0]!;
    const { bestStep } = readState(run);
    assert.equal(bestStep, best.step, bestBy);
    kept[bestBy] = best.step;
    const evaluation = JSON.parse(readFileSync(path.join(run, "evaluation.json"), "utf8"));
    assert.equal(evaluation.step, best.step);
    assert.equal(evaluation.accuracy, best["evalAccuracy"]);
  }
  assert.notEqual(kept["loss"], kept["accuracy"]);
  const run = path.join(dir, "early");
  const early = { ...change, bestBy: "accuracy", earlyStop: { patience: 2 } } as const;
  const file = recipe(dir, { ...early, optimizer: { learningRate: 2e-3 } });
  assert.equal((await retune("train", file, "--run-dir", run)).code, 0);
  const { step, message } = readState(run);
  assert.equal(step, kept["accuracy"]! + 2 * change.evalEvery);
  assert.match(message!, /^stopped early: the evaluation accuracy no longer improved/);
});

test("what does not fit is refused in one line, and nothing is left", async (t) => {
  const dir = workspace(t);
  const refused = async (change: Partial<RecipeInput>, message: RegExp): Promise<void> => {
    const { code, stderr } = await retune("train", recipe(dir, change), "--run-dir", `${dir}/run`);
    assert.equal(code, 2, stderr);
    assert.match(stderr.trim().split("\n").at(-1)!, message);
  };
  const lines = (name: string, ...rows: Row[]): void =>
    writeFileSync(path.join(dir, name), rows.map((row) => JSON.stringify(row)).join("\n"));
  const data = (name: string): RecipeInput["data"] => ({ train: name, maxLength: 48 });

  lines("eggs.jsonl", { text: "1 plus 1", label: "sum" }, { text: "an egg", label: "eggs" });
  const evalEggs = { data: { train: "train.jsonl", eval: "eggs.jsonl", maxLength: 48 } };
  await refused(
    evalEggs,
    /eggs\.jsonl:2: label "eggs" is none of those that are trained: sum, word/,
  );
  lines("one.jsonl", { text: "a", label: "x" }, { text: "b", label: "x" });
  await refused({ data: data("one.jsonl") }, /one\.jsonl has 1 different label.*at least 2/);
  lines("none.jsonl", { text: "a", label: "x" }, { text: "b" });
  await refused({ data: data("none.jsonl") }, /none\.jsonl:2: "label" is missing/);
  lines("empty.jsonl", { text: "", label: "x" }, { text: "b", label: "y" });
  await refused({ data: data("empty.jsonl") }, /empty\.jsonl:1: "text" is missing or empty/);
  const regression = { objective: { ...OBJECTIVE, problem: "regression" as const } };
  await refused(regression, /train\.jsonl:1: "label" must be a number for regression/);
  await refused(
    { method: { type: "loreft", positions: "f7+l7" } },
    /train\.jsonl:1: its prompt has 8 tokens, but method\.positions .* f4\+l4 or less/,
  );
  await refused(
    { method: { type: "head" }, objective: { type: "sft" } },
    /choose objective classification/,
  );
  const toSft = { objective: { type: "sft" }, bestBy: "macroF1" } as const;
  await refused(toSft, /bestBy macroF1 is for objective classification; choose loss or accuracy/);
  await refused(
    { ...regression, bestBy: "accuracy" },
    /bestBy accuracy counts labels.*choose loss/,
  );
  const both = { ...OBJECTIVE, probe: {} };
  await refused({ method: { type: "head" }, objective: both }, /objective\.probe and method head/);
});
