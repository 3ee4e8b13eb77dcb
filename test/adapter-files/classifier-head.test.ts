import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import {
  CLASSIFIER_FILE,
  type Classifier,
  adapterClassifier,
  classifierConfig,
  classifierFiles,
  classifierOf,
  numberedClassifier,
  readClassifierFile,
  sameLabels,
} from "../../src/adapter-files/classifier-head.ts";
import { type PeftFolder, readPeftFolder } from "../../src/adapter-files/peft/folder.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

const golden = path.join(import.meta.dirname, "../golden");
const tied = JSON.parse(
  readFileSync(path.join(golden, "models/tied/config.json"), "utf8"),
) as Record<string, unknown>;

const spam: Classifier = { labels: ["ham", "spam"], problem: "single-label", pooling: "last" };
const topics: Classifier = {
  labels: ["art", "law", "war"],
  problem: "multi-label",
  pooling: "mean",
};
const score: Classifier = { labels: ["LABEL_0"], problem: "regression", pooling: "first" };

suite("a classifier's config.json", () => {
  test("is transformers': a model's, with labels both ways and the problem's type", () => {
    const config = classifierConfig(tied, spam);
    const { architectures: _, pad_token_id: __, ...kept } = tied;
    assert.deepEqual(config, {
      ...kept,
      architectures: ["LlamaForSequenceClassification"],
      id2label: { "0": "ham", "1": "spam" },
      label2id: { ham: 0, spam: 1 },
      problem_type: "single_label_classification",
      // The base has none, and transformers takes no batch without: its EOS.
      pad_token_id: 2,
    });
  });

  for (const classifier of [spam, topics, score]) {
    test(`reads back as it was written: ${classifier.problem}`, () => {
      const json: unknown = JSON.parse(JSON.stringify(classifierConfig(tied, classifier)));
      assert.deepEqual(classifierOf(json as Record<string, unknown>, "config.json"), classifier);
    });
  }

  test("pads with what pads already, else with the first of several ends", () => {
    assert.equal(classifierConfig({ ...tied, pad_token_id: 7 }, spam)["pad_token_id"], 7);
    const several = classifierConfig({ ...tied, eos_token_id: [5, 6] }, spam);
    assert.deepEqual([several["pad_token_id"], several["eos_token_id"]], [5, [5, 6]]);
    const { eos_token_id: _, ...endless } = tied;
    assert(!("pad_token_id" in classifierConfig(endless, spam)));
  });

  test("of a classifier keeps its architecture, and forgets its old head", () => {
    const again = classifierConfig(classifierConfig(tied, topics), spam);
    assert.deepEqual(again, classifierConfig(tied, spam));
  });
});

suite("what a config.json says of a head", () => {
  const classifier = { architectures: ["LlamaForSequenceClassification"] };
  const of = (more: Record<string, unknown>) =>
    classifierOf({ ...classifier, ...more }, "config.json");

  test("is nothing for a model that writes text", () => {
    assert.equal(classifierOf(tied, "config.json"), undefined);
    assert.equal(classifierOf({ id2label: { 0: "a", 1: "b" } }, "config.json"), undefined);
  });

  test("is its labels by number, whatever the order of the file", () => {
    const labels = Object.fromEntries(
      ["10", "2", "0", "1", "3", "4", "5", "6", "7", "8", "9"].map((id) => [id, `label ${id}`]),
    );
    assert.deepEqual(
      of({ id2label: labels })?.labels,
      Array.from({ length: 11 }, (_, id) => `label ${id}`),
    );
  });

  test("is guessed from the number of labels where transformers has not written the problem", () => {
    const two = { id2label: { 0: "a", 1: "b" } };
    const single = { id2label: { 0: "LABEL_0" } };
    for (const unknown of [undefined, null, "ranking", "constructor", "toString"]) {
      assert.equal(of({ ...two, problem_type: unknown })?.problem, "single-label", String(unknown));
      assert.equal(of({ ...single, problem_type: unknown })?.problem, "regression");
    }
    assert.equal(
      of({ ...two, problem_type: "multi_label_classification" })?.problem,
      "multi-label",
    );
    assert.equal(of({ ...two, pooling: "median" })?.pooling, "last");
  });

  test("is refused where labels are not numbered 0, 1, 2 …", () => {
    for (const id2label of [undefined, {}, [], { 1: "a", 2: "b" }, { 0: "a", 2: "b" }, { 0: "" }]) {
      assert.throws(() => of({ id2label }), {
        name: "InputError",
        message: "config.json: id2label does not name the labels 0, 1, 2 …",
      });
    }
  });
});

suite("classifier.json beside an adapter", () => {
  test("reads back as it was written, and may be missing", async (t) => {
    const dir = tempDir(t);
    assert.equal(await readClassifierFile(dir), undefined);
    for (const classifier of [spam, topics, score]) {
      const { [CLASSIFIER_FILE]: text, ...others } = classifierFiles(classifier);
      assert.deepEqual(others, {});
      writeFileSync(path.join(dir, CLASSIFIER_FILE), text ?? "");
      assert.deepEqual(await readClassifierFile(dir), classifier);
    }
  });

  test("that is not what was written is named with its key", async (t) => {
    const dir = tempDir(t);
    const write = (json: unknown) =>
      writeFileSync(path.join(dir, CLASSIFIER_FILE), JSON.stringify(json));
    for (const [changes, key] of [
      [{ labels: [] }, /classifier\.json.*labels/],
      [{ labels: ["a", 1] }, /classifier\.json.*labels/],
      [{ problem: "ranking" }, /classifier\.json.*problem/],
      [{ pooling: undefined }, /classifier\.json.*pooling/],
    ] as const) {
      write({ ...spam, ...changes });
      await refuses(readClassifierFile(dir), key);
    }
    writeFileSync(path.join(dir, CLASSIFIER_FILE), "{");
    await refuses(readClassifierFile(dir), /classifier\.json:1:\d+: not valid JSON/);
  });
});

suite("the head that an adapter of PEFT's brings", () => {
  const read = (name: string): Promise<PeftFolder> =>
    readPeftFolder(path.join(golden, "classification", name));

  test("has the base's labels where there are as many, else numbers as transformers has them", async () => {
    const folder = await read("lora");
    const rows = folder.tensors.get("base_model.model.score.weight")?.shape[0] ?? 0;
    assert(rows > 1, "PEFT saved the head");
    const numbered = {
      labels: Array.from({ length: rows }, (_, row) => `LABEL_${row}`),
      problem: "single-label",
      pooling: "last",
    };
    assert.deepEqual(await adapterClassifier(folder, undefined), numbered);
    const base: Classifier = { ...spam, labels: numbered.labels.map((each) => `my ${each}`) };
    assert.deepEqual(await adapterClassifier(folder, base), base);
    const other: Classifier = { ...spam, labels: [...numbered.labels, "more"] };
    assert.deepEqual(await adapterClassifier(folder, other), numbered);
  });

  test("is found beside virtual tokens too, and nowhere in an adapter of a model of text", async () => {
    for (const name of ["prefix-tuning", "prompt-tuning", "ia3"]) {
      assert((await adapterClassifier(await read(name), undefined))?.labels.length, name);
    }
    const plain = await readPeftFolder(path.join(golden, "models/tied/adapter"));
    assert.equal(await adapterClassifier(plain, spam), undefined);
  });

  test("is what classifier.json says, before all else", async (t) => {
    const dir = tempDir(t);
    writeFileSync(path.join(dir, CLASSIFIER_FILE), JSON.stringify(topics));
    assert.deepEqual(await adapterClassifier({ ...(await read("lora")), dir }, spam), topics);
  });
});

suite("heads are for the same labels", () => {
  test("when they name the same rows of the same problem; what they read does not matter", () => {
    assert(sameLabels(spam, { ...spam, pooling: "mean" }));
    assert(!sameLabels(spam, { ...spam, labels: ["spam", "ham"] }));
    assert(!sameLabels(spam, { ...spam, problem: "multi-label" }));
    assert(!sameLabels(undefined, spam));
  });

  test("without names a single row is a number", () => {
    assert.deepEqual(numberedClassifier(1), { ...score, pooling: "last" });
    assert.deepEqual(numberedClassifier(2).labels, ["LABEL_0", "LABEL_1"]);
  });
});
