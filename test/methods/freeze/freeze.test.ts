/** Training a part of the base: the right gradients, no more work than needed, the rest untouched. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { openBaseModel } from "../../../src/models/base-model.ts";
import type { RecipeInput } from "../../../src/protocol/recipe.ts";
import { openTrainingEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import type { OnnxTrainingEngine } from "../../../src/onnx-engine/training-engine.ts";
import { buildTrainingGraph } from "../../../src/onnx-engine/ort-graphs.ts";
import { planStep } from "../../../src/onnx-engine/step-form.ts";
import { graphOptionsOf } from "../../../src/onnx-engine/tuned-base.ts";
import { tuningOf } from "../../../src/methods/tuning.ts";
import type { LayerChoice } from "../../../src/util/tensor-patterns.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readTensor, readTensorBytes } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import {
  countedIn,
  goldenModel as folder,
  readBatch,
  readExpected,
} from "../../support/llama-golden.ts";
import {
  makeRun,
  readMetrics,
  readState,
  startTrainer,
  tinyWorkspace,
} from "../../support/retune.ts";

const FREEZE = { type: "freeze" } as const;
/** Relative to each tensor's largest value, float32 on both sides. */
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 1e-9 };

const engines: OnnxTrainingEngine[] = [];
after(() => Promise.all(engines.map((engine) => engine.dispose())));

const CHOICES: Record<string, LayerChoice> = {
  "the last block": { trainLast: 1 },
  "the first block": { trainFirst: 1 },
  "norms only": { freeze: ["*", "!*norm"] },
  "embeddings only": { freeze: ["layers", "model.norm"] },
  "all but the embeddings": { freeze: ["embed_tokens"] },
};

for (const variant of ["tied", "untied"]) {
  for (const [what, layers] of Object.entries(CHOICES)) {
    test(`${variant}: ${what}: the gradients are those of PyTorch's full fine-tuning`, async () => {
      const engine = await openTrainingEngine({
        base: await openBaseModel(folder(variant)),
        method: FREEZE,
        layers,
        seed: 1,
        maxLength: 32,
        threads: 1,
      });
      engines.push(engine);
      const { floats } = await readExpected(variant);
      const batch = await readBatch(variant);
      const into = new Float32Array(engine.parameters.length);
      const scale = 1 / countedIn(batch);
      const { lossSum } = await engine.accumulateGradients(batch, { scale, dropoutSeed: 1, into });
      assertClose([lossSum * scale], await floats("loss"), { rtol: 1e-5 }, "loss");
      assert.ok(engine.trainables.length > 0);
      for (const { name, offset, length } of engine.trainables) {
        const expected = await floats(`grad.${name}`);
        assertClose(into.subarray(offset, offset + length), expected, GRADIENT_TOLERANCE, name);
      }
    });
  }
}

test("backward stops below the lowest trained tensor", async () => {
  const base = await openBaseModel(folder("untied"));
  const backwardNodes = (layers: LayerChoice): number => {
    const options = graphOptionsOf(base, tuningOf({ method: FREEZE, layers }, base), 32);
    const { form } = planStep(options, { maxLength: 32, mode: "speed" });
    const { nodes } = buildTrainingGraph(options, form).graph;
    return nodes.filter(({ outputs }) => outputs[0]!.name.startsWith("backward.")).length;
  };
  const all = backwardNodes({ freeze: ["!*"] });
  const last = backwardNodes({ trainLast: 1 });
  const first = backwardNodes({ trainFirst: 1 });
  const norm = backwardNodes({ freeze: ["*", "!model.norm"] });
  // Two blocks: training the last leaves out the first one's backward pass and the embedding's.
  assert.ok(norm <= 6 && last < 0.6 * all && last < 0.7 * first, [all, first, last, norm].join());
});

test("targets of an adapter are restricted by the same controls", async () => {
  const base = await openBaseModel(folder("tied"));
  const method = {
    type: "lora",
    rank: 2,
    alpha: 4,
    dropout: 0,
    targets: "all-linear",
    variant: "lora",
  } as const;
  const paths = (layers: LayerChoice): string[] =>
    tuningOf({ method, layers }, base).adapter!.tensors.flatMap(({ name }) =>
      name.endsWith(".lora_A.weight") ? [name.slice("base_model.model.".length, -14)] : [],
    );
  assert.ok(paths({ trainLast: 1 }).every((each) => each.startsWith("model.layers.1.")));
  assert.equal(paths({ trainLast: 1 }).length, 7);
  assert.deepEqual(paths({ freeze: ["layers.0", "mlp", "model.embed_tokens", "!q_proj"] }), [
    "model.layers.0.self_attn.q_proj",
    ...["q", "k", "v", "o"].map((each) => `model.layers.1.self_attn.${each}_proj`),
  ]);
  assert.throws(() => paths({ freeze: ["layers"] }), /leave none of method\.targets to train/);
});

async function train(dir: string, change: Partial<RecipeInput>): Promise<string> {
  const runDir = await makeRun(dir, { method: FREEZE, epochs: 2, ...change });
  const { code, stderr } = await (await startTrainer(runDir)).finished;
  assert.equal(code, 0, stderr);
  return runDir;
}

test("frozen tensors are byte for byte the base's, trained ones are not", async (t) => {
  const dir = tinyWorkspace(t);
  const runDir = await train(dir, { trainLast: 1, freeze: ["!model.norm", "mlp"] });
  const before = await readModelWeights(path.join(dir, "model"));
  const result = await readModelWeights(path.join(runDir, "model"));
  assert.deepEqual([...result.keys()].toSorted(), [...before.keys()].toSorted());
  const changed: string[] = [];
  for (const [name, info] of before) {
    const [old, now] = [await readTensorBytes(info), await readTensorBytes(result.get(name)!)];
    if (!Buffer.from(old).equals(now)) changed.push(name);
  }
  const attention = ["k_proj", "o_proj", "q_proj", "v_proj"].map((each) => `self_attn.${each}`);
  assert.deepEqual(changed.toSorted(), [
    ...["input_layernorm", "post_attention_layernorm", ...attention].map(
      (each) => `model.layers.1.${each}.weight`,
    ),
    "model.norm.weight",
  ]);
  const metrics = readMetrics(runDir);
  assert.ok(metrics.at(-1)!.evalLoss! < metrics[0]!.evalLoss!);
  assert.equal(readState(runDir).trainableParameters, 3 * 32 + 2 * 32 * 32 + 2 * 16 * 32);
});

test("each part learns at its own rate", async (t) => {
  const dir = tinyWorkspace(t);
  const optimizer = { learningRate: 1e-3, schedule: "constant" as const, warmupSteps: 0 };
  const rates = { "layers.1": 1e-5, norm: 1e-2 };
  const runDir = await train(dir, {
    trainLast: 1,
    freeze: ["!model.norm"],
    maxSteps: 1,
    keepBest: false,
    optimizer: { ...optimizer, learningRates: rates },
  });
  const before = await readModelWeights(path.join(dir, "model"));
  const result = await readModelWeights(path.join(runDir, "model"));
  // Adam's first step moves every element with a gradient by the learning rate itself.
  for (const [name, rate] of [
    ["model.layers.1.self_attn.q_proj.weight", 1e-5],
    ["model.norm.weight", 1e-2],
  ] as const) {
    const [old, now] = [await readTensor(before.get(name)!), await readTensor(result.get(name)!)];
    const largest = Math.max(...old.map((value, i) => Math.abs(now[i]! - value)));
    assert.ok(Math.abs(largest / rate - 1) < 0.02, `${name} moved by ${largest}`);
  }
  rmSync(runDir, { recursive: true });
});

test("what fits no tensor of the base ends the run with one line", async (t) => {
  const dir = tinyWorkspace(t);
  const message = async (change: Partial<RecipeInput>): Promise<string> => {
    const runDir = await makeRun(dir, { method: FREEZE, ...change });
    const { code } = await (await startTrainer(runDir)).finished;
    assert.notEqual(code, 0);
    return readState(runDir).message!;
  };
  assert.match(
    await message({ freeze: ["layers.7"] }),
    /^freeze "layers\.7" matches no tensor of .*model\.layers\.0 to model\.layers\.1/,
  );
  assert.match(await message({ trainLast: 3 }), /^trainLast 3 is above the 2 blocks of /);
  assert.match(await message({ freeze: ["*"] }), /^freeze leaves no tensor to train/);
  const learningRates = { embed_tokens: 1e-4 };
  assert.match(
    await message({ trainLast: 1, optimizer: { learningRates } }),
    /^optimizer\.learningRates "embed_tokens" matches nothing that is trained; there is model\.layers/,
  );
});
