/** The command as a person runs it, on a model of 27 thousand parameters. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { readMetrics, readState, retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

test("train, eval, merge, generate and inspect agree with each other", async (t) => {
  const dir = tinyWorkspace(t);
  const rows = Array.from({ length: 8 }, (_, i) =>
    JSON.stringify({ prompt: `What is ${i} cubed?`, completion: ` It is ${i ** 3}.` }),
  );
  const evalFile = path.join(dir, "eval.jsonl");
  writeFileSync(evalFile, rows.join("\n"));
  const recipe = writeRecipe(dir, {
    data: { train: "data.jsonl", eval: "eval.jsonl", maxLength: 64 },
  });
  const base = path.join(dir, "model");

  const trained = await retune("train", recipe, "--json");
  assert.equal(trained.code, 0, trained.stderr);
  // The recipe's folder is nobody's workspace: the run lies beside the recipe.
  const runs = path.join(dir, ".retune/runs");
  const runDir = path.join(runs, readdirSync(runs)[0]!);
  const printed = trained.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Metric);
  assert.deepEqual(printed, readMetrics(runDir));
  const { bestEvalLoss } = readState(runDir);
  const adapter = path.join(runDir, "adapter");

  const evaluate = async (...model: string[]): Promise<number> => {
    const { code, stdout, stderr } = await retune("eval", ...model, "--data", evalFile, "--json");
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout) as Record<"loss" | "perplexity" | "accuracy", number>;
    assert.ok(Math.abs(Math.log(result.perplexity) - result.loss) < 1e-9);
    return result.loss;
  };
  const before = await evaluate(base);
  const after = await evaluate(base, "--adapter", adapter);
  assert.ok(Math.abs(before - printed[0]!.evalLoss!) < 1e-5);
  assert.ok(Math.abs(after - bestEvalLoss!) < 1e-5);
  assert.ok(after < before - 0.5, `${before} → ${after}`);

  const merged = path.join(dir, "merged");
  const merging = await retune("merge", base, "--adapter", adapter, "--out", merged);
  assert.equal(merging.code, 0, merging.stderr);
  assert.match(merging.stderr, /sample texts: .* by \S+e-[567] at most, .* for 100\.0 %;/);
  assert.ok(Math.abs((await evaluate(merged)) - after) < 1e-5);

  const generate = (...model: string[]) =>
    retune("generate", ...model, "--prompt", "What is 3 squared?", "--raw", "--max-tokens", "12");
  const [ofBase, ofAdapter, ofMerged] = [
    await generate(base),
    await generate(base, "--adapter", adapter),
    await generate(merged),
  ];
  assert.equal(ofAdapter.stdout, ofMerged.stdout);
  assert.notEqual(ofAdapter.stdout, ofBase.stdout);

  for (const [target, kind] of [
    [base, "model"],
    [adapter, "adapter"],
    [evalFile, "dataset"],
    [runDir, "run"],
  ] as const) {
    const { stdout } = await retune("inspect", target, "--json");
    assert.equal((JSON.parse(stdout) as { kind: string }).kind, kind);
    assert.match((await retune("inspect", target)).stdout, new RegExp(`^${kind} `));
  }
});

test("eval and generate take a device, go on without it, and refuse what is none", async (t) => {
  const dir = tinyWorkspace(t);
  const base = path.join(dir, "model");
  const commands = [
    ["eval", base, "--data", path.join(dir, "data.jsonl"), "--json"],
    ["generate", base, "--prompt", "What", "--raw", "--max-tokens", "3"],
  ];
  for (const command of commands) {
    const onCpu = await retune(...command, "--device", "cpu");
    assert.equal(onCpu.code, 0, onCpu.stderr);
    assert.ok(!onCpu.stderr.includes("using cpu"), onCpu.stderr);
    const absent = process.platform === "win32" ? "coreml" : "dml";
    const without = await retune(...command, "--device", absent);
    assert.deepEqual([without.code, without.stdout], [0, onCpu.stdout]);
    assert.match(without.stderr, new RegExp(`^${absent} is not part of .*; using cpu$`, "m"));
    const refused = await retune(...command, "--device", "gpu");
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--device must be one of auto, cpu, .*, found "gpu"/);
  }
});

test("full fine-tuning from scratch writes a model that evaluates to the run's own loss", async (t) => {
  const dir = tinyWorkspace(t);
  const recipe = writeRecipe(dir, {
    method: { type: "full", init: "random" },
    data: { train: "data.jsonl", eval: "data.jsonl", maxLength: 64 },
  });
  const runDir = path.join(dir, "run");
  const { code, stderr } = await retune("train", recipe, "--run-dir", runDir);
  assert.equal(code, 0, stderr);
  const data = path.join(dir, "data.jsonl");
  const model = path.join(runDir, "model");
  const { stdout } = await retune("eval", model, "--data", data, "--json");
  const { loss } = JSON.parse(stdout) as { loss: number };
  assert.ok(Math.abs(loss - readState(runDir).bestEvalLoss!) < 1e-5);
  assert.match((await retune("generate", model, "--prompt", "What", "--raw")).stdout, /\S/);
});

test("a run is resumed by the command, and a finished one is not", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "run");
  assert.equal((await retune("train", writeRecipe(dir), "--run-dir", runDir)).code, 0);
  const again = await retune("resume", runDir);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /has finished/);
});

test("help, version and misuse", async () => {
  assert.equal((await retune("--help")).code, 0);
  const { version } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string };
  assert.equal((await retune("--version")).stdout.trim(), version);
  const names = "train resume eval generate merge convert inspect install doctor";
  for (const command of names.split(" ")) {
    const help = await retune(command, "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^usage: retune ${command} `));
    const misused = await retune(command, "--no-such-option");
    assert.equal(misused.code, 2);
    assert.equal(misused.stderr.trim().split("\n").length, 1, misused.stderr);
  }
  assert.equal((await retune("fly")).code, 2);
});

test("a run folder that exists already is refused and left alone", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "mine");
  mkdirSync(runDir);
  writeFileSync(path.join(runDir, "precious.txt"), "keep me");
  const { code, stderr } = await retune("train", writeRecipe(dir), "--run-dir", runDir);
  assert.equal(code, 2);
  assert.match(stderr, /exists and is not empty/);
  assert.deepEqual(readdirSync(runDir), ["precious.txt"]);
  assert.ok(!existsSync(`${runDir}.tmp`));
});
