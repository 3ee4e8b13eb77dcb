/** What a recipe will take, told by `retune inspect --recipe`. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Budget, Calibration } from "../../src/trainer/budget.ts";
import { readLog, retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

async function inspected(
  dir: string,
  change: Partial<RecipeInput>,
  ...more: readonly string[]
): Promise<Budget & Partial<Calibration>> {
  const recipe = writeRecipe(dir, change);
  const { code, stdout, stderr } = await retune("inspect", "--recipe", recipe, "--json", ...more);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Budget & Partial<Calibration>;
}

test("parts add up, and what is trained decides over gradients and optimizer", async (t) => {
  const dir = tinyWorkspace(t);
  const full = await inspected(dir, { method: { type: "full" } }, "--no-measure");
  const last = await inspected(dir, { method: { type: "freeze" }, trainLast: 1 }, "--no-measure");
  for (const { bytes, predictedBytes, trainableParameters } of [full, last]) {
    assert.equal(
      Object.values(bytes).reduce((sum, part) => sum + part, 0),
      predictedBytes,
    );
    // This run's, the last one's, and their sum.
    assert.equal(bytes.gradients, 12 * trainableParameters);
    assert.equal(bytes.optimizer, 12 * trainableParameters);
  }
  assert.equal(full.trainableParameters, full.totalParameters);
  assert.ok(last.trainableParameters < full.trainableParameters / 2);
  assert.equal(last.totalParameters, full.totalParameters);
  assert.ok(last.bytes.activations < full.bytes.activations);
  assert.equal(full.stepSeconds, undefined);
});

test("positions that the data decide are reckoned with before any row is read", async (t) => {
  const dir = tinyWorkspace(t);
  const auto = await inspected(dir, { method: { type: "loreft", rank: 4 } }, "--no-measure");
  const method = { type: "loreft", rank: 4, positions: "f7+l7" } as const;
  const most = await inspected(dir, { method }, "--no-measure");
  assert.equal(auto.predictedBytes, most.predictedBytes);
});

test("two real steps are timed, and nothing is written", async (t) => {
  const dir = tinyWorkspace(t);
  const { stepSeconds, steps, totalSeconds, measuredBytes, fits } = await inspected(dir, {});
  // 32 rows in steps of 8, for 7.5 epochs.
  assert.equal(steps, 30);
  assert.ok(stepSeconds! > 0 && measuredBytes! > 50e6);
  assert.ok(Math.abs(totalSeconds! / stepSeconds! - 30) < 1e-9);
  assert.equal(fits, true);
  assert.ok(!existsSync(path.join(dir, ".retune")) && !existsSync(path.join(dir, "runs")));
});

type Line = Record<string, unknown>;

async function checked(recipe: string): Promise<{ code: number | null; lines: Line[] }> {
  const args = ["--recipe", recipe, "--no-measure", "--data", "--json"];
  const { code, stdout } = await retune("inspect", ...args);
  const lines = stdout.trim().split("\n");
  return { code, lines: lines.map((line) => JSON.parse(line) as Line) };
}

test("--data reads all rows as the run will, and counts them", async (t) => {
  const dir = tinyWorkspace(t);
  const { code, lines } = await checked(writeRecipe(dir));
  assert.equal(code, 0);
  assert.deepEqual(
    lines.map(({ kind }) => kind),
    ["recipe", "data"],
  );
  // As test/support/retune.ts writes them.
  assert.equal(lines[1]?.["rows"], 32);
  assert.equal(lines[1]?.["evaluationRows"], 8);
  assert.equal(lines[1]?.["steps"], 30);
});

const PLAIN = '{"prompt": "1 2 3", "completion": " 4"}';

/** What stands in line 3 of the training data, the recipe's change, and the problem that is told. */
const PROBLEMS: Record<string, { row: string; change?: Partial<RecipeInput>; says: RegExp }> = {
  "a row that is not JSON": { row: '{"prompt": "a", "completion" }', says: /not valid JSON/ },
  "a row of no format": { row: '{"question": "a"}', says: /no format fits/ },
  "a message with an impossible role": {
    row: '{"messages": [{"role": 7, "content": "a"}]}',
    says: /role/,
  },
  "a row that is too long": {
    row: JSON.stringify({ prompt: "1 2 ".repeat(60), completion: " 3" }),
    change: { data: { train: "bad.jsonl", maxLength: 48, overlong: "error" } },
    says: /data\.maxLength is 48/,
  },
  "a prompt without room for the positions": {
    row: '{"prompt": "1", "completion": " 4"}',
    change: { method: { type: "loreft", rank: 2, positions: "f2+l2" } },
    says: /method\.positions take 2/,
  },
};

for (const [name, { row, change, says }] of Object.entries(PROBLEMS)) {
  test(`--data tells file and line of ${name}, and nothing is written`, async (t) => {
    const dir = tinyWorkspace(t);
    const file = path.join(dir, "bad.jsonl");
    writeFileSync(file, `${PLAIN}\n${PLAIN}\n${row}\n${PLAIN}\n`);
    const data = { train: "bad.jsonl", maxLength: 48 };
    const { code, lines } = await checked(writeRecipe(dir, { data, ...change }));
    assert.equal(code, 2);
    const problem = lines.at(-1);
    assert.equal(problem?.["kind"], "problem");
    assert.equal(problem["file"], file);
    assert.equal(problem["line"], 3);
    assert.match(String(problem["message"]), says);
    assert.ok(!existsSync(path.join(dir, ".retune")) && !existsSync(path.join(dir, "runs")));
  });
}

test("--data tells the column of a syntax error, a label that is not trained, a key of the recipe", async (t) => {
  const dir = tinyWorkspace(t);
  const write = (file: string, ...rows: string[]): void =>
    writeFileSync(path.join(dir, file), rows.join("\n"));
  const problem = async (change: Partial<RecipeInput>): Promise<Line> => {
    const { code, lines } = await checked(writeRecipe(dir, change));
    assert.equal(code, 2);
    return lines.at(-1) ?? {};
  };
  write("torn.jsonl", PLAIN, '{"prompt": "a" "completion": "b"}');
  const torn = await problem({ data: { train: "torn.jsonl", maxLength: 48 } });
  assert.deepEqual([torn["line"], torn["column"]], [2, 16]);

  write("labels.jsonl", '{"text": "1", "label": "a"}', '{"text": "2", "label": "b"}');
  write("other.jsonl", '{"text": "1", "label": "a"}', '{"text": "2", "label": "c"}');
  const data = { train: "labels.jsonl", eval: "other.jsonl", maxLength: 48 };
  const label = await problem({ data, objective: { type: "classification" } });
  assert.deepEqual([label["file"], label["line"]], [path.join(dir, "other.jsonl"), 2]);
  assert.match(String(label["message"]), /label "c" is none of those/);

  const key = await problem({ method: { type: "freeze" }, freeze: ["layers.9"] });
  assert.equal(key["file"], path.join(dir, "tiny.retune.json"));
  assert.match(String(key["message"]), /freeze "layers\.9" matches no tensor/);
});

test("a person reads it in lines, and a bad recipe ends in one", async (t) => {
  const dir = tinyWorkspace(t);
  const { stdout } = await retune("inspect", "--recipe", writeRecipe(dir));
  assert.match(stdout, /^trains [\d.]+K? of [\d.]+K parameters \([\d.]+ %\)$/m);
  assert.match(stdout, /^ {2}activations +[\d.]+ [KM]B$/m);
  assert.match(stdout, /^measured: [\d.]+ s a step, 30 steps in about \d+ s, peak \d+ MB$/m);
  const bad = writeRecipe(dir, { method: { type: "freeze" }, freeze: ["layers.9"] });
  const refused = await retune("inspect", "--recipe", bad, "--no-measure");
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /^[^\n]*tiny\.retune\.json:\d+: freeze "layers\.9" matches no tensor/,
  );
  assert.equal(refused.stderr.trim().split("\n").length, 1);
});

test("a run says before its first step what it will take, and after two what is left", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "run");
  const { code, stderr } = await retune("train", writeRecipe(dir), "--run-dir", runDir);
  assert.equal(code, 0, stderr);
  const budget = /trains [\d.]+K? of [\d.]+K parameters .*predicted peak .*gradients .*process /;
  assert.match(stderr, budget);
  const log = readLog(runDir);
  assert.match(log, budget);
  assert.match(log, /[\d.e-]+ s a step, about .+ to go/);
});
