/** Adapters that label: merged they are …ForSequenceClassification folders with PEFT's logits. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { mergeAdapters } from "../../../src/merge/adapters/merge-adapters.ts";
import { evaluateExamples } from "../../../src/objectives/evaluate-examples.ts";
import { openEvaluationEngine } from "../../../src/onnx-engine/onnx-engine.ts";
import { readModelWeights } from "../../../src/tensors/model-weights.ts";
import { readTensor } from "../../../src/tensors/safetensors.ts";
import { assertClose } from "../../support/assert-close.ts";
import {
  CLASSIFICATION_CASES,
  classificationGolden,
  classifierOf,
  labelledBatch,
  readClassification,
} from "../../support/classification-cases.ts";
import { refuses } from "../../support/refuses.ts";
import { writeWideBase } from "../../support/wide-base.ts";

const dir = mkdtempSync(path.join(tmpdir(), "retune-merge-classifier-"));
after(() => rmSync(dir, { recursive: true }));
const base = await writeWideBase("untied", path.join(dir, "base"));
let count = 0;

/** The golden adapter with labels beside it, as Retune saves one. */
function withLabels(name: string, labels: readonly string[]): string {
  const adapter = path.join(dir, `adapter-${count++}`);
  cpSync(classificationGolden(name), adapter, { recursive: true });
  const classifier = { ...classifierOf(CLASSIFICATION_CASES[name]!), labels };
  writeFileSync(path.join(adapter, "classifier.json"), JSON.stringify(classifier));
  return adapter;
}

async function merge(baseDir: string, adapterDirs: string[], weights?: number[]): Promise<string> {
  const outDir = path.join(dir, `out-${count++}`);
  await mergeAdapters({ baseDir, adapterDirs, weights, outDir });
  return outDir;
}

async function logitsOf(name: string, baseDir: string): Promise<number[]> {
  const engine = await openEvaluationEngine({ baseDir, maxLength: 32, threads: 1 });
  try {
    const examples = await labelledBatch(CLASSIFICATION_CASES[name]!);
    const { answers } = await evaluateExamples(engine, examples);
    const sorted = answers.toSorted((a, b) => a.example.line - b.example.line);
    return sorted.flatMap(({ logits }) => [...logits]);
  } finally {
    await engine.dispose();
  }
}

for (const name of ["lora", "ia3"]) {
  test(`${name}: PEFT's logits, without the language head, with the labels`, async () => {
    const out = await merge(base, [withLabels(name, ["a", "b", "c"])]);
    const { floats } = await readClassification(name);
    const expected = await floats("logits");
    assertClose(await logitsOf(name, out), expected, { rtol: 1e-5, atol: 1e-6 });
    const config = JSON.parse(readFileSync(path.join(out, "config.json"), "utf8"));
    assert.deepEqual(config.architectures, ["LlamaForSequenceClassification"]);
    assert.deepEqual(config.id2label, { 0: "a", 1: "b", 2: "c" });
    const weights = await readModelWeights(out);
    assert.ok(!weights.has("lm_head.weight"));
    assert.deepEqual(await readTensor(weights.get("score.weight")!), await floats("score.weight"));
    assert.match(readFileSync(path.join(out, "README.md"), "utf8"), /head that labels/);
  });
}

test("an adapter without classifier.json has transformers' labels", async () => {
  const out = await merge(base, [classificationGolden("lora")]);
  const config = JSON.parse(readFileSync(path.join(out, "config.json"), "utf8"));
  assert.deepEqual(config.id2label, { 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" });
});

test("a base that labels the same keeps its head and moves it by the weight; other labels replace it", async () => {
  const adapter = withLabels("lora", ["a", "b", "c"]);
  const classifier = await merge(base, [adapter]);
  const score = async (folder: string): Promise<Float32Array> =>
    readTensor((await readModelWeights(folder)).get("score.weight")!);
  const doubled = path.join(dir, "doubled");
  cpSync(adapter, doubled, { recursive: true });
  const before = await score(classifier);
  const file = path.join(doubled, "adapter_model.safetensors");
  const bytes = readFileSync(file);
  const size = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + size)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const [from, to] = header["base_model.model.score.weight"]!.data_offsets;
  for (let at = 8 + size + from; at < 8 + size + to; at += 4) {
    bytes.writeFloatLE(2 * bytes.readFloatLE(at), at);
  }
  writeFileSync(file, bytes);
  const half = await score(await merge(classifier, [doubled], [0.5]));
  assertClose(
    half,
    before.map((value) => 1.5 * value),
    { rtol: 1e-6 },
  );
  const other = withLabels("lora", ["x", "y", "z"]);
  assert.deepEqual(await score(await merge(classifier, [other], [0.5])), before);
  await refuses(merge(classifier, [adapter, other]), /labels a, b, c and .* x, y, z: one head/);
  await refuses(merge(base, [adapter, doubled]), /each bring a head, and .* has none/);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.includes("partial")),
    [],
  );
});
