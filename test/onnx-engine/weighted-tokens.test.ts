/** Tokens whose loss is weighted, below 0 too: gradients against finite differences of the weighted loss. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Example, reweighed } from "../../src/data/example.ts";
import type { Method } from "../../src/protocol/methods.ts";
import type { OnnxTrainingEngine } from "../../src/onnx-engine/training-engine.ts";
import type { StepForm } from "../../src/onnx-engine/ort-graphs.ts";
import { assertClose } from "../support/assert-close.ts";
import { moveParameters, openGolden } from "../support/golden-steps.ts";
import { readBatch } from "../support/llama-golden.ts";
import { stepPlan } from "../support/step-plans.ts";

const shared = { type: "lora", rank: 4, alpha: 8, dropout: 0, variant: "lora" } as const;

const CASES: [string, Method, Partial<StepForm>][] = [
  ["tied", { ...shared, targets: "all-linear" }, {}],
  ["tied", { ...shared, targets: "all-linear" }, { rowChunks: 3 }],
  ["tied", { ...shared, targets: "all-linear" }, { vocabularyChunks: 3 }],
  ["untied", { ...shared, targets: ["q_proj", "lm_head"] }, {}],
  ["tied", { type: "full", init: "base" }, {}],
];

/** +1, −0.5, 0, 2, … of what the data count. */
function weigh(example: Example): Example {
  const factors = [1, -0.5, 0, 2];
  const weights = example.weights.map((one, t) => one * (factors[t % factors.length] ?? 0));
  return reweighed(example, weights);
}

async function open(
  variant: string,
  method: Method,
  form: Partial<StepForm>,
): Promise<OnnxTrainingEngine> {
  const engine = await openGolden(variant, method, { plan: stepPlan(form) });
  if (method.type === "lora") moveParameters(engine);
  return engine;
}

for (const [variant, method, form] of CASES) {
  const name = `${variant}, ${method.type}, ${JSON.stringify(form)}`;
  test(`weighted tokens have the gradient of their weighted loss: ${name}`, async () => {
    const engine = await open(variant, method, form);
    const batch = (await readBatch(variant)).map(weigh);
    const { parameters } = engine;
    const into = new Float32Array(parameters.length);
    const { lossSum } = await engine.accumulateGradients(batch, {
      scale: 1,
      dropoutSeed: 1,
      into,
    });
    assertClose([(await engine.evaluate(batch)).lossSum], [lossSum], { rtol: 1e-5 }, "loss");
    // Along the gradient itself, where the loss changes most: float32 leaves few digits elsewhere.
    const norm = Math.hypot(...into);
    const step = 1e-2 / norm;
    const start = parameters.slice();
    const lossAt = async (sign: number): Promise<number> => {
      start.forEach((value, i) => (parameters[i] = value + sign * step * into[i]!));
      return (await engine.evaluate(batch)).lossSum;
    };
    const slope = ((await lossAt(1)) - (await lossAt(-1))) / (2 * step);
    parameters.set(start);
    assertClose([slope], [norm * norm], { rtol: 1e-2 }, "slope along the gradient");
  });
}

test("the gradient of a sum of weights is the sum of the gradients, and of −1 the opposite", async () => {
  const [variant, method] = CASES[0]!;
  const engine = await open(variant, method, {});
  const batch = await readBatch(variant);
  const gradient = async (rows: readonly Example[]): Promise<Float32Array> => {
    const into = new Float32Array(engine.parameters.length);
    await engine.accumulateGradients(rows, { scale: 1, dropoutSeed: 1, into });
    return into;
  };
  const scaled = (factor: (t: number) => number): readonly Example[] =>
    batch.map((row) =>
      reweighed(
        row,
        row.weights.map((one, t) => one * factor(t)),
      ),
    );
  const whole = await gradient(batch);
  const tolerance = { rtol: 1e-4, atol: 1e-5 };
  assertClose(
    await gradient(scaled(() => -1)),
    whole.map((one) => -one),
    tolerance,
    "opposite",
  );
  const even = await gradient(scaled((t) => (t % 2 === 0 ? 3 : 0)));
  const odd = await gradient(scaled((t) => (t % 2 === 0 ? -2 : 1)));
  assertClose(
    even.map((one, i) => one + odd[i]!),
    whole,
    tolerance,
    "sum",
  );
});

test("a row keeps its prompt under weights that leave out its first answer", async () => {
  const [first] = await readBatch("tied");
  assert.ok(first);
  const start = first.weights.indexOf(1);
  const other = reweighed(
    first,
    first.weights.map((one, t) => (t <= start ? 0 : one)),
  );
  assert.equal(other.prompt, start);
  assert.equal(reweighed(other, first.weights).prompt, start);
});
