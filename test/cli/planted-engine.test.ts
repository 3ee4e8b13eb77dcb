/** `retune train`, `resume` and `inspect` with an engine that is planted through the registries. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { createRun } from "../../src/run-folder/create-run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { plantEngine } from "../support/counting-engine.ts";
import { readMetrics, readState, tinyWorkspace, writeRecipe } from "../support/retune.ts";
import { until } from "../support/until.ts";

const CLI = fileURLToPath(new URL("../support/planted-cli.ts", import.meta.url));

const counting = (options: object): Partial<RecipeInput> => ({
  engine: { type: "counting", ...options },
});

interface Ended {
  code: number | null;
  lines: string[];
  errors: string;
}

function start(...args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ["--import", "tsx", CLI, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = Promise.all([once(child, "exit"), text(child.stdout), text(child.stderr)]).then(
    ([[code], output, errors]): Ended => ({
      code: code as number | null,
      lines: output.trimEnd().split("\n"),
      errors,
    }),
  );
  return { child, ended };
}

test("train runs to its end what the engine launches, and prints its metrics", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = path.join(dir, "mine");
  const file = writeRecipe(dir, counting({ steps: 6, stepMs: 50 }));
  const { code, lines, errors } = await start("train", file, "--run-dir", runDir, "--json").ended;
  assert.equal(code, 0, errors);
  const metrics = lines.map((line) => JSON.parse(line) as Metric);
  assert.deepEqual(metrics, readMetrics(runDir));
  assert.deepEqual(
    metrics.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal(readState(runDir).status, "finished");
  assert.match(errors, /finished at step 6: .*mine.adapter\n$/u);
});

test("the first signal asks it to stop, and resume prints only what is new", async (t) => {
  plantEngine(t);
  const dir = tinyWorkspace(t);
  const recipe = await resolveRecipe(writeRecipe(dir, counting({ steps: 60, stepMs: 50 })));
  const runDir = await createRun({ recipe, runsDir: path.join(dir, "runs") });
  const first = start("resume", runDir, "--json");
  await until(() => readState(runDir).step > 2, "its steps");
  first.child.kill("SIGINT");
  const { code, errors } = await first.ended;
  assert.equal(code, 1);
  assert.match(errors, /stopped at step \d+: /u);
  const { status, step } = readState(runDir);
  assert.equal(status, "stopped");
  assert.ok(step < 60);
  const { code: second, lines } = await start("resume", runDir, "--json").ended;
  assert.equal(second, 0);
  assert.equal((JSON.parse(lines[0] ?? "") as Metric).step, step + 1);
  assert.equal(readFileSync(path.join(runDir, "adapter/count.txt"), "utf8"), "60");
  const third = await start("resume", runDir).ended;
  assert.equal(third.code, 2);
  assert.match(third.errors, /has finished/u);
});

test("inspect says what the engine says, and refuses what it refuses", async (t) => {
  const dir = tinyWorkspace(t);
  const file = writeRecipe(dir, counting({}));
  const { lines } = await start("inspect", "--recipe", file).ended;
  assert.equal(lines[1], "counting: counts, and learns nothing.");
  const [json = ""] = (await start("inspect", "--recipe", file, "--json").ended).lines;
  const { kind, engine, fits } = JSON.parse(json) as Record<string, unknown>;
  assert.deepEqual([kind, engine, fits], ["recipe", "counting", true]);
  const wrong = writeRecipe(dir, { ...counting({}), earlyStop: { patience: 1 } });
  const { code, errors } = await start("train", wrong).ended;
  assert.equal(code, 2);
  assert.match(errors, /retune\.json:\d+: engine counting evaluates nothing; leave earlyStop out/u);
});
