/** Every recipe that contradicts itself, through the three that refuse it: editor, command line, training process. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { contradictionsIn } from "../../src/protocol/contradictions.ts";
import { type RecipeInput, recipeSchema, resolvedRecipeSchema } from "../../src/protocol/recipe.ts";
import { resolveRecipe } from "../../src/runs/resolve-recipe.ts";
import { prepareRun } from "../../src/trainer/prepare-run.ts";
import { checkRecipe } from "../../src/ui/recipes/check-recipe.ts";
import { makeRun, readState, startTrainer, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const LABELS = { type: "classification" } as const;
const SFT = { type: "sft" } as const;

// [what contradicts what, the place that is marked, the message]
const CASES: [Partial<RecipeInput>, string, RegExp][] = [
  [
    { data: { train: "data.jsonl", eval: "data.jsonl", evalSplit: 0.1 } },
    "evalSplit",
    /^data\.eval and data\.evalSplit exclude each other; keep one$/,
  ],
  [{ freeze: ["mlp", "layers.[3-1]"] }, "layers.[3-1]", /^pattern "layers\.\[3-1\]": the range/],
  [{ freeze: ["!layers.[3-1]"] }, "!layers.[3-1]", /^pattern "layers\.\[3-1\]": the range/],
  [
    { optimizer: { learningRates: { norm: 1e-3, "layers.[2-0]": 1e-4 } } },
    "layers.[2-0]",
    /^pattern "layers\.\[2-0\]": the range/,
  ],
  [
    { method: { type: "full" }, quantization: "int8" },
    "quantization",
    /^quantization is for method lora/,
  ],
  [
    { method: { type: "full" }, trainLast: 1 },
    "trainLast",
    /^trainLast contradicts method full, which trains everything; choose method freeze$/,
  ],
  [{ method: { type: "freeze" } }, "method", /^method freeze needs freeze, trainFirst or trainL/],
  [
    { method: { type: "prompt-tuning", init: "text" } },
    "init",
    /^method\.init "text" and method\.initText need each other$/,
  ],
  [
    { method: { type: "lora", init: "pissa", variant: "dora" } },
    "init",
    /^method\.init "pissa" goes with lora and rslora/,
  ],
  [
    { method: { type: "lora", init: "pissa" }, quantization: "int4" },
    "quantization",
    /^method\.init "pissa" needs the weights as they are; leave quantization out$/,
  ],
  [
    { method: { type: "lora", variant: "dora" }, quantization: "int8" },
    "quantization",
    /^DoRA needs the weights as they are; leave quantization out$/,
  ],
  [
    { method: { type: "lora", targets: "q_(proj" } },
    "targets",
    /^method\.targets is neither .*: the pattern "q_\(proj" is not a regular expression/,
  ],
  [{ method: { type: "ia3", targets: "(" } }, "targets", /is not a regular expression/],
  [
    { method: { type: "lora", rankPattern: { "(": 2 } } },
    '"(": 2',
    /^method\.rankPattern: the pattern "\(" is not a regular expression/,
  ],
  [
    { objective: SFT, bestBy: "macroF1" },
    "bestBy",
    /^bestBy macroF1 is for objective classification; choose loss or accuracy$/,
  ],
  [
    { objective: { ...LABELS, problem: "regression" }, bestBy: "accuracy" },
    "bestBy",
    /^bestBy accuracy counts labels, and regression has none; choose loss$/,
  ],
  [
    { method: { type: "head" }, objective: SFT },
    "method",
    /^method head trains a classification head; choose objective classification$/,
  ],
  [
    { method: { type: "head" }, objective: { ...LABELS, probe: {} } },
    "probe",
    /^objective\.probe and method head train the same head; keep one$/,
  ],
];

for (const [change, place, message] of CASES) {
  const name = JSON.stringify(change);
  test(`${name} is refused by editor, command line and trainer in the same words`, async (t) => {
    const dir = tinyWorkspace(t);
    const whole = await resolveRecipe(writeRecipe(dir));
    const file = writeRecipe(dir, change);
    const text = readFileSync(file, "utf8");
    const findings = await checkRecipe(text, dir);
    const told = findings.map((finding) => finding.message);
    assert.match(told.join("\n"), message);
    assert.ok(findings.every(({ severity }) => severity === "error"));
    const { offset = 0, length = 0 } = findings[0] ?? {};
    assert.ok(text.slice(offset, offset + length).includes(place), "the place");

    const line = text.slice(0, offset).split("\n").length;
    await assert.rejects(resolveRecipe(file), { message: `${file}:${line}: ${told[0]}` });

    const recipe = resolvedRecipeSchema.parse({
      ...whole,
      ...change,
      optimizer: { ...whole.optimizer, ...change.optimizer },
    });
    const quiet = { phase: () => Promise.resolve(), log: () => undefined };
    await assert.rejects(prepareRun(recipe, quiet), { name: "InputError", message: told[0] });
    assert.deepEqual(
      contradictionsIn(recipe).map((found) => found.message),
      told,
    );
  });
}

test("a run whose recipe was edited into a contradiction fails with it, before it reads the base", async (t) => {
  const runDir = await makeRun(tinyWorkspace(t));
  const file = path.join(runDir, "recipe.json");
  const recipe = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...recipe, method: { type: "freeze" }, base: "/gone" }));
  const { finished } = await startTrainer(runDir);
  assert.equal((await finished).code, 1);
  const { status, message } = readState(runDir);
  assert.equal(status, "failed");
  assert.match(message ?? "", /^method freeze needs freeze, trainFirst or trainLast/);
});

test("what the samples and the defaults say is no contradiction", () => {
  const plain = { base: "model", data: { train: "rows.jsonl" } };
  assert.deepEqual(contradictionsIn(recipeSchema.parse(plain)), []);
  const head = { ...plain, method: { type: "head" }, objective: LABELS };
  assert.deepEqual(contradictionsIn(recipeSchema.parse(head)), []);
});
