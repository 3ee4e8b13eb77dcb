/** What is found out about a model that was merged of others; the loss is transformers' own. */
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { describeModel } from "../../src/cli/merge-check.ts";
import { checkMergedModel } from "../../src/evaluation/check-merged-model.ts";
import { readModelWeights } from "../../src/tensors/model-weights.ts";
import {
  type TensorToWrite,
  readTensorBytes,
  writeSafetensors,
} from "../../src/tensors/safetensors.ts";
import { assertClose } from "../support/assert-close.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

const SAMPLE = path.join(import.meta.dirname, "../../samples/models/retune-tiny");
/**
 * transformers 5.23: Σ loss·(n − 1) / Σ (n − 1) over the sample texts, each by itself in float32; they have 91 tokens that
 * follow another.
 */
const SAMPLE_LOSS = 8.36158681177831;

type InMemory = TensorToWrite & { data: Uint8Array };

/** A small model, its weights changed. */
async function tinyModel(
  t: TestContext,
  change: (tensor: InMemory) => InMemory[] = (tensor) => [tensor],
): Promise<string> {
  const dir = path.join(tempDir(t), "model");
  writeTinyLlama(dir);
  const tensors: InMemory[] = [];
  for (const info of (await readModelWeights(dir)).values()) {
    const { name, dtype, shape } = info;
    tensors.push(...change({ name, dtype, shape, data: await readTensorBytes(info) }));
  }
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors);
  return dir;
}

test("its loss on the sample texts, and its parents', are transformers'", async () => {
  const parents = [{ name: "retune-tiny", dir: SAMPLE }];
  const { tensors, bad, problem, answers, unread } = await checkMergedModel({
    outDir: SAMPLE,
    parents,
  });
  assert.deepEqual([tensors, bad, problem, unread], [47, null, undefined, 0]);
  assert.deepEqual([answers?.unit, answers?.count], ["token", 91]);
  const losses = [answers?.loss ?? 0, ...answers!.parents.map(({ figure }) => figure)];
  assertClose(losses, [SAMPLE_LOSS, SAMPLE_LOSS], { rtol: 1e-5 });
});

test("a value that is not finite is named, and the model is not asked", async (t) => {
  const name = "model.layers.1.mlp.up_proj.weight";
  for (const [value, isNaN] of [
    [Infinity, false],
    [NaN, true],
  ] as const) {
    const dir = await tinyModel(t, (tensor) => {
      if (tensor.name === name) new Float32Array(tensor.data.buffer)[17] = value;
      return [tensor];
    });
    const found = await checkMergedModel({ outDir: dir, parents: [{ name: "a", dir: SAMPLE }] });
    assert.equal(found.answers, undefined);
    assert.deepEqual([found.bad?.name, found.bad?.index, found.bad?.isNaN], [name, 17, isNaN]);
  }
});

test("a folder that lacks what its config calls for, or has no tokenizer, says so", async (t) => {
  const short = await tinyModel(t, (tensor) =>
    tensor.name === "model.norm.weight" ? [] : [tensor],
  );
  const { problem, tensors } = await checkMergedModel({ outDir: short, parents: [] });
  assert.match(problem ?? "", /tensor model\.norm\.weight \[32\] is missing/);
  assert.equal(tensors, 19);
  const mute = await tinyModel(t);
  rmSync(path.join(mute, "tokenizer.json"));
  const found = await checkMergedModel({ outDir: mute, parents: [] });
  assert.match(found.problem ?? "", /tokenizer\.json/);
  assert.equal(found.bad, null);
  await refuses(checkMergedModel({ outDir: tempDir(t), parents: [] }), /has neither/);
});

test("a parent without a tokenizer is read by the merged model's; of many the first four are asked", async (t) => {
  const dir = await tinyModel(t);
  const mute = path.join(tempDir(t), "mute");
  cpSync(dir, mute, { recursive: true });
  rmSync(path.join(mute, "tokenizer.json"));
  const parents = Array.from({ length: 6 }, (_, i) => ({
    name: `p${i}`,
    dir: i === 1 ? mute : dir,
  }));
  const { answers, unread, problem } = await checkMergedModel({ outDir: dir, parents });
  assert.equal(problem, undefined);
  assert.equal(unread, 2);
  assert.deepEqual(
    answers?.parents.map(({ name, figure }) => [name, figure === answers.loss]),
    ["p0", "p1", "p2", "p3"].map((name) => [name, true]),
  );
});

test("a classifier's logits are set beside its parents'", async (t) => {
  const labelled = async (scale: number): Promise<string> => {
    const dir = await tinyModel(t, (tensor) => [
      tensor,
      ...(tensor.name === "model.norm.weight"
        ? [
            {
              name: "score.weight",
              dtype: "F32" as const,
              shape: [2, 32],
              data: new Uint8Array(
                Float32Array.from({ length: 64 }, (_, i) => (scale * (i % 5)) / 10).buffer,
              ),
            },
          ]
        : []),
    ]);
    const file = path.join(dir, "config.json");
    const config = JSON.parse(readFileSync(file, "utf8")) as object;
    const changed = {
      ...config,
      architectures: ["LlamaForSequenceClassification"],
      id2label: { 0: "no", 1: "yes" },
      label2id: { no: 0, yes: 1 },
    };
    writeFileSync(file, JSON.stringify(changed));
    return dir;
  };
  const [outDir, other] = [await labelled(1), await labelled(3)];
  const parents = [
    { name: "same", dir: outDir },
    { name: "other", dir: other },
  ];
  const { answers, problem } = await checkMergedModel({ outDir, parents });
  assert.equal(problem, undefined);
  assert.deepEqual([answers?.unit, answers?.count, answers?.loss], ["text", 4, undefined]);
  const [same = 1, apart = 0] = answers!.parents.map(({ figure }) => figure);
  assert.equal(same, 0);
  // Three times the head is two of its logits away: the mean of |logit| twice.
  const own = await checkMergedModel({
    outDir,
    parents: [{ name: "none", dir: await labelled(0) }],
  });
  assertClose([apart], [2 * own.answers!.parents[0]!.figure], { rtol: 1e-4 });
});

test("one that was stopped keeps what is known", async (t) => {
  const dir = await tinyModel(t);
  const parents = [{ name: "a", dir }];
  const found = await checkMergedModel({ outDir: dir, parents, signal: AbortSignal.abort() });
  assert.equal(found.problem, "stopped");
  assert.equal(found.bad, null);
});

test("what was found reads in a line", () => {
  const found = { tensors: 47, bad: null, problem: undefined, unread: 0 };
  const parents = [
    { name: "a", figure: 2 },
    { name: "b", figure: 2.5 },
  ];
  const asked = { unit: "token", count: 91, loss: 2.25, parents } as const;
  const finite = "all values of its 47 tensors are finite";
  assert.equal(
    describeModel({ ...found, answers: asked }),
    `checked on 91 tokens of sample texts: loss 2.250 (a 2.000, b 2.500); ${finite}`,
  );
  assert.equal(
    describeModel({ ...found, unread: 3, answers: { ...asked, loss: 3.6 } }),
    `checked on 91 tokens of sample texts: loss 3.600 (a 2.000, b 2.500); that is far above all of them: try other weights, or another method (3 more were not asked); ${finite}`,
  );
  assert.equal(
    describeModel({
      ...found,
      answers: { unit: "text", count: 4, loss: undefined, parents },
    }),
    `checked on 4 sample texts: logits differ on average by 2.000 from a's, by 2.500 from b's; ${finite}`,
  );
  assert.equal(
    describeModel({ ...found, answers: undefined, problem: "x.json is missing" }),
    `merged, but not checked on sample texts: x.json is missing; ${finite}`,
  );
  const bad = { name: "w", file: "/m/model.safetensors", index: 3, isNaN: false };
  assert.match(
    describeModel({ ...found, bad, answers: undefined }),
    /^merged, but tensor w holds infinity \(element 3\): the model can't be used/,
  );
});
