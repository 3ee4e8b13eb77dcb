/** An objective from outside of src: two registries take it, and it trains, resumes and is shown. Nothing else knows it. */
import assert from "node:assert/strict";
import path from "node:path";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as z from "zod";
import { MetricStore } from "../../media/run-panel/metric-store.ts";
import { settingGroups } from "../../media/run-panel/settings.ts";
import { summarise } from "../../media/run-panel/summary.ts";
import { type Example, type Examples, reweighed } from "../../src/data/example.ts";
import type { TrainingEngine } from "../../src/objectives/engine.ts";
import type { Objective } from "../../src/objectives/objective.ts";
import { TRAINED_OBJECTIVES } from "../../src/objectives/registry.ts";
import { sft } from "../../src/objectives/sft.ts";
import { weightedStep } from "../../src/objectives/weighted-step.ts";
import type { ObjectiveFacts } from "../../src/protocol/objective.ts";
import { OBJECTIVES, objectiveView } from "../../src/protocol/objectives.ts";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import type { Metric } from "../../src/protocol/run-folder.ts";
import { MetricsTail } from "../../src/run-folder/metrics-tail.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { trainRun } from "../../src/trainer/train-run.ts";
import { figureOf } from "../../src/ui/run-text.ts";
import { toColumns } from "../../src/ui/panels/metric-columns.ts";
import { makeRun, readMetrics, readState, tinyWorkspace } from "../support/retune.ts";

/**
 * Unlikelihood training (arXiv 1908.04319) of tokens that the row has had already: −log(1 − p), whose gradient is
 * that of the cross-entropy times −p / (1 − p).
 */
const schema = z.strictObject({
  type: z.literal("unlikelihood"),
  alpha: z.number().min(0).default(0.5),
});
type Unlikelihood = z.output<typeof schema>;

const facts: ObjectiveFacts<Unlikelihood> = {
  name: "unlikelihood",
  schema,
  writesText: true,
  figures: [
    {
      name: "evalNovelty",
      label: "Novelty",
      unit: "share",
      note: "repeated tokens not expected",
      best: { by: "accuracy", words: "novelty" },
    },
  ],
  charts: [
    {
      title: "Novelty",
      lines: [{ figure: "evalNovelty", label: "Eval", color: "eval", look: "points" }],
      needs: "evalNovelty",
    },
  ],
  headline: {
    figure: "evalNovelty",
    of: (report) => ("novelty" in report ? Number(report.novelty) : undefined),
  },
  settings: ({ alpha }) => [{ label: "Unlikelihood", value: String(alpha) }],
  contradictions: ({ objective, method }) =>
    objective.alpha > 1 && method.type === "lora"
      ? [{ keys: ["objective", "alpha"], message: "alpha above 1 is not for lora" }]
      : [],
};

const isRepeated = ({ ids, weights }: Example, t: number): boolean =>
  weights[t] !== 0 && ids.indexOf(ids[t]!) < t;

/** Repeated tokens under the weight that their probability now gives them, which is below 0. */
async function weigh(engine: TrainingEngine, rows: readonly Example[], alpha: number) {
  const logProbs = await engine.logProbs(rows);
  return rows.map((row, index) =>
    reweighed(
      row,
      row.weights.map((weight, t) => {
        const p = Math.exp(logProbs[index]![t]!);
        return isRepeated(row, t) ? -alpha * (p / (1 - p)) : weight;
      }),
    ),
  );
}

async function novelty(engine: TrainingEngine, rows: Examples): Promise<number> {
  const all = [...rows];
  const logProbs = await engine.logProbs(all);
  let [sum, count] = [0, 0];
  all.forEach((row, index) =>
    row.ids.forEach((_, t) => {
      if (!isRepeated(row, t)) return;
      sum += 1 - Math.exp(logProbs[index]![t]!);
      count++;
    }),
  );
  return sum / count;
}

const objective: Objective<Unlikelihood> = {
  name: "unlikelihood",
  headed: async (_, base) => base,
  loadRows: (_, file, options) => sft.loadRows({ type: "sft", lossOn: "all" }, file, options),
  begin: ({ alpha }, recipe, base) => ({
    // Rows that the model writes itself, beside those of the plan.
    rows: (plan, engine) => ({
      totalSteps: plan.totalSteps,
      epochAt: (step) => plan.epochAt(step),
      microBatches: async (step) => {
        const batches = await plan.microBatches(step);
        const prompts = batches.flatMap((batch) => [...(batch[0]?.ids.subarray(0, 6) ?? [])]);
        const options = { maxTokens: 2, temperature: 0, seed: step, stopIds: [] };
        const [answer = []] = await engine.generate([prompts.slice(0, 6)], options);
        const ids = Int32Array.from([...prompts.slice(0, 6), ...answer]);
        const weights = Float32Array.from(ids, (_, t) => (t >= 6 ? 0.1 : 0));
        return [...batches, [{ ids, weights, line: 0 }]];
      },
    }),
    step: async (engine, batches, options) => {
      const weighed = await Promise.all(batches.map((batch) => weigh(engine, batch, alpha)));
      const outcome = await weightedStep(engine, weighed, options);
      const negative = weighed.flat().flatMap(({ weights }) => [...weights].filter((w) => w < 0));
      return { ...outcome, figures: { repeatedTokens: negative.length } };
    },
    evaluate: async (engine, rows) => {
      const plain = sft.begin({ type: "sft", lossOn: "all" }, recipe, base);
      const { loss } = await plain.evaluate(engine, rows, { step: 0 });
      const found = await novelty(engine, rows);
      return { loss, figures: { evalNovelty: found }, report: { novelty: found } };
    },
  }),
};

const recipe = {
  objective: { type: "unlikelihood" },
  bestBy: "accuracy",
  maxSteps: 6,
  evalEvery: 3,
  saveEvery: 2,
  batchSize: 2,
} as unknown as Partial<RecipeInput>;

const NEVER = { stop: new AbortController().signal, atOnce: new AbortController().signal };

/** All but the clock and the memory. */
function reproducible(metrics: readonly Metric[]): object[] {
  const measured = new Set(["elapsedMs", "tokensPerSecond", "rssBytes"]);
  return metrics.map((metric) =>
    Object.fromEntries(Object.entries(metric).filter(([name]) => !measured.has(name))),
  );
}

test("a planted objective trains, saves, resumes bit for bit, and its figure is shown", async (t) => {
  t.after(OBJECTIVES.add(facts as ObjectiveFacts));
  t.after(TRAINED_OBJECTIVES.add(objective as Objective));
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, recipe);
  const outcome = await trainRun(runDir, { signals: NEVER });
  assert.equal(outcome.state.message, undefined);
  assert.equal(outcome.state.status, "finished");

  const metrics = readMetrics(runDir);
  assert.ok(
    metrics.filter(({ loss }) => loss !== undefined).every((m) => m["repeatedTokens"]! > 0),
  );
  const evaluated = metrics.filter((metric) => metric["evalNovelty"] !== undefined);
  assert.deepEqual(
    evaluated.map(({ step }) => step),
    [0, 3, 6],
  );
  const state: Readonly<Record<string, unknown>> = { ...readState(runDir) };
  const kept = JSON.parse(readFileSync(path.join(runDir, "evaluation.json"), "utf8")) as object;
  assert.deepEqual(kept, { novelty: state["evalNovelty"] });

  // Stopped after its third step, and gone on with.
  const other = await makeRun(dir, recipe);
  const stop = new AbortController();
  const signals = { ...NEVER, stop: stop.signal };
  const onMetric = ({ step }: Metric): void => void (step === 3 && stop.abort());
  assert.equal((await trainRun(other, { signals, onMetric })).state.status, "stopped");
  assert.equal((await trainRun(other, { signals: NEVER })).state.status, "finished");
  assert.deepEqual(reproducible(readMetrics(other)), reproducible(metrics));
  const adapter = (run: string): Buffer =>
    readFileSync(path.join(run, "adapter/adapter_model.safetensors"));
  assert.ok(adapter(other).equals(adapter(runDir)));

  // What list and panel show of it.
  const run = await readRun(runDir);
  assert.ok(run?.recipe && run.state);
  assert.equal(figureOf(run)?.label, "novelty");
  const view = objectiveView(run.recipe.objective);
  assert.deepEqual(
    view.charts.map(({ title }) => title),
    ["Novelty"],
  );
  const store = new MetricStore();
  store.append(
    toColumns((await new MetricsTail(path.join(runDir, "metrics.jsonl")).read()).metrics),
  );
  const figures = summarise(store, { ...run, objective: view });
  const shown = figures.find(({ label }) => label === "Novelty");
  assert.match(shown?.value ?? "", /^\d+\.\d %$/);
  assert.equal(shown?.note, "repeated tokens not expected");
  const settings = settingGroups(run.recipe, { objective: view }).flatMap((one) => one.settings);
  assert.ok(settings.some(({ label, value }) => label === "Unlikelihood" && value === "0.5"));
  assert.ok(settings.some(({ value }) => value === "yes, by novelty"));
});

test("a recipe of a planted objective is refused in its own words, and once it is gone by name", async (t) => {
  const dir = tinyWorkspace(t);
  const remove = [
    OBJECTIVES.add(facts as ObjectiveFacts),
    TRAINED_OBJECTIVES.add(objective as Objective),
  ];
  const wrong = { ...recipe, objective: { type: "unlikelihood", alpha: 2 } };
  await assert.rejects(makeRun(dir, wrong as never), /alpha above 1 is not for lora/);
  const foreign = { ...recipe, bestBy: "macroF1" };
  await assert.rejects(
    makeRun(dir, foreign as never),
    /bestBy macroF1 is for objective classification; choose loss or accuracy/,
  );
  const runDir = await makeRun(dir, recipe);
  for (const one of remove) one();
  const { state, refused } = await trainRun(runDir, { signals: NEVER });
  assert.ok(refused);
  assert.match(
    state.message ?? "",
    /there is no objective unlikelihood; known: sft, classification/,
  );
});
