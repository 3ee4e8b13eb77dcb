/** A method from outside src, through its registries alone: trained, stopped, resumed, evaluated and shown. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, after, test } from "node:test";
import { ADAPTER_FORMATS } from "../../src/adapter-files/formats.ts";
import { summariseAdapter } from "../../src/cards/model-summary.ts";
import { openEvaluator } from "../../src/evaluation/evaluate-file.ts";
import type { TrainingMethod } from "../../src/methods/method.ts";
import { TRAINING_METHODS } from "../../src/methods/registry.ts";
import type { MethodFacts } from "../../src/protocol/method.ts";
import { METHODS, type Method, methodView } from "../../src/protocol/methods.ts";
import { readRun } from "../../src/run-folder/run.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { trainRun } from "../../src/trainer/train-run.ts";
import { methodChoices } from "../../src/ui/recipes/method-choices.ts";
import { runRowText } from "../../src/ui/run-text.ts";
import { makeRun, readMetrics, readState, tinyWorkspace, writeRecipe } from "../support/retune.ts";
import { BIAS_FORMAT, bias, biasFacts } from "./planted-bias.ts";

after(METHODS.add(biasFacts as unknown as MethodFacts));
after(ADAPTER_FORMATS.add(BIAS_FORMAT));
after(TRAINING_METHODS.add(bias as unknown as TrainingMethod));

const method = (more: object = {}): Method => ({ type: "bias", ...more }) as unknown as Method;
const CHANGE = { epochs: 3, evalEvery: 4, saveEvery: 3 };

/** @param stopsAt the step behind which it is asked to stop */
async function train(runDir: string, stopsAt = Infinity): Promise<string> {
  const [stop, atOnce] = [new AbortController(), new AbortController()];
  const outcome = await trainRun(runDir, {
    signals: { stop: stop.signal, atOnce: atOnce.signal },
    onMetric: ({ step }) => {
      if (step >= stopsAt) stop.abort();
    },
  });
  assert.ok(outcome.result !== undefined, outcome.state.message);
  return outcome.result;
}

function curve(runDir: string): unknown[] {
  return readMetrics(runDir).map(({ step, loss, evalLoss }) => ({ step, loss, evalLoss }));
}

async function workspace(t: TestContext) {
  const dir = tinyWorkspace(t);
  return {
    dir,
    make: (name: string) => makeRun(dir, { ...CHANGE, method: method() }, path.join(dir, name)),
  };
}

test("a planted method learns, and goes on where it was stopped as if it never had been", async (t) => {
  const { dir, make } = await workspace(t);
  const [straight, stopped] = [await make("a"), await make("b")];
  const result = await train(straight);
  await train(stopped, 5);
  assert.equal(readState(stopped).status, "stopped");
  await train(stopped);
  assert.equal(readState(stopped).status, "finished");
  assert.deepEqual(curve(stopped), curve(straight));

  const losses = readMetrics(straight).flatMap(({ evalLoss }) => evalLoss ?? []);
  assert.ok(Math.min(...losses) < losses[0]! - 0.01, losses.join());
  const weights = (runDir: string) => readFileSync(path.join(runDir, "adapter/bias.safetensors"));
  assert.deepEqual(weights(stopped), weights(straight));

  // What was saved is what was trained: the same figure from the folder alone.
  const evaluate = async (adapterDir?: string): Promise<number> => {
    const evaluator = await openEvaluator({
      baseDir: path.join(dir, "model"),
      adapterDir,
      lossOn: "auto",
      device: "cpu",
      log: () => {},
    });
    try {
      return (await evaluator.evaluate(path.join(dir, "data.jsonl"))).figures.loss;
    } finally {
      await evaluator.dispose();
    }
  };
  assert.ok((await evaluate(result)) < (await evaluate()) - 0.01);
  assert.ok(existsSync(path.join(result, "bias_config.json")));
});

test("a run with it is shown in its own words, and it is offered for a new one", async (t) => {
  const { make } = await workspace(t);
  const runDir = await make("runs");
  const result = await train(runDir);
  const run = await readRun(runDir);
  assert.ok(run?.recipe && run.problem === undefined);
  assert.match(runRowText(run), / · bias · /u);
  const view = methodView(run.recipe.method);
  assert.equal(view.title, "Bias alone");
  assert.deepEqual(view.settings[1], { label: "Targets", value: "v_proj, down_proj" });
  const summary = await summariseAdapter(result);
  assert.deepEqual([summary.method, summary.targets.length], ["Bias", 4]);
  const offered = methodChoices().map(({ label }) => label);
  assert.equal(offered[offered.indexOf("Bias") - 1], "(IA)³");
});

test("its keys are checked, and what contradicts it is refused by its line", async (t) => {
  const dir = tinyWorkspace(t);
  const refused = async (more: object): Promise<string> => {
    const file = writeRecipe(dir, { method: method(more) });
    const error: unknown = await resolveRecipe(file).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return (error as Error).message;
  };
  assert.match(
    await refused({ target: "q_proj" }),
    /:\d+: method\.target is not a known key; did you mean targets\?/u,
  );
  assert.match(await refused({ targets: "head" }), /:\d+: a head has no bias/u);
});
