// What the presets train, written into a recipe and read again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { methodSchema } from "../../../src/protocol/methods.ts";
import { llamaFamily } from "../../../src/families/llama.ts";
import { baseTensor } from "../../../src/ui/layers/base-tensors.ts";
import { choosableTensors } from "../../../src/ui/layers/choosable.ts";
import { layerNodes } from "../../../src/ui/layers/layer-nodes.ts";
import { blockCount, presetsFor, presetTensors } from "../../../src/ui/layers/layer-presets.ts";
import { readRecipeLayers, trainedBy, withTrained } from "../../../src/ui/layers/recipe-layers.ts";
import { tinyTensors } from "./tiny-tensors.ts";

const FULL = '{\n  "base": "m",\n  "method": { "type": "full" },\n  "epochs": 1\n}\n';

test("a recipe that is given a preset trains exactly what the preset names", () => {
  for (const tied of [true, false]) {
    const tensors = tinyTensors({ tied });
    const nodes = layerNodes(tensors);
    for (const { preset } of presetsFor(nodes)) {
      const wanted = presetTensors(nodes, preset, 1);
      if (wanted.size === 0) continue; // "None" is for ticking by hand: a recipe can't train nothing.
      const text = withTrained(FULL, tensors, wanted);
      const { choice, method } = readRecipeLayers(text, "r");
      const trained = tensors.map(({ name }) => name).filter(trainedBy(choice, tensors, "m"));
      assert.deepEqual(new Set(trained), wanted, `${preset}: ${text}`);
      assert.equal(method.type, preset === "all" ? "full" : "freeze", preset);
    }
  }
});

test("a preset of n blocks has n times one block's tensors, all blocks at most", () => {
  const nodes = layerNodes(tinyTensors());
  const one = presetTensors(nodes, "last-blocks", 1).size;
  assert.equal(blockCount(nodes), 2);
  assert.equal(presetTensors(nodes, "last-blocks", 2).size, 2 * one);
  assert.equal(presetTensors(nodes, "last-blocks", 9).size, 2 * one);
  assert.equal(presetTensors(nodes, "last-blocks").size, one, "one, where nobody says how many");
});

test("the last blocks are those of the highest numbers, as numbers go and not as text does", () => {
  const name = (block: number) => `model.layers.${block}.mlp.up_proj.weight`;
  // A file has them in the order of text: 0, 1, 10, 11, 2, …
  const stored = Array.from({ length: 12 }, (_, block) => name(block)).toSorted();
  const nodes = layerNodes(stored.map((each) => baseTensor(llamaFamily, each, [4, 4])));
  assert.deepEqual(presetTensors(nodes, "last-blocks", 3), new Set([name(9), name(10), name(11)]));
});

test("head, embeddings, and what is between them are the whole model", () => {
  for (const tied of [true, false]) {
    const nodes = layerNodes(tinyTensors({ tied }));
    const but = presetTensors(nodes, "all-but-embeddings");
    const head = presetTensors(nodes, "head");
    const all = presetTensors(nodes, "all");
    assert.equal(all.size, but.size + 1, "one embedding");
    assert.equal(new Set([...but, ...head]).size, tied ? all.size : all.size - 1);
    for (const name of presetTensors(nodes, "norms-and-biases")) assert.ok(but.has(name), name);
  }
});

test("norms and biases are vectors, each of them, and no matrix", () => {
  const tensors = tinyTensors({ tied: false });
  assert.deepEqual(
    presetTensors(layerNodes(tensors), "norms-and-biases"),
    new Set(tensors.filter(({ shape }) => shape.length === 1).map(({ name }) => name)),
  );
});

test("an adapter's presets name blocks only, and say how many there are", () => {
  const { tensors } = choosableTensors(methodSchema.parse({ type: "lora" }), tinyTensors());
  const nodes = layerNodes(tensors);
  const presets = presetsFor(nodes);
  assert.deepEqual(
    presets.map(({ preset }) => preset),
    ["last-blocks", "all", "none"],
  );
  assert.match(presets[0]?.detail ?? "", /of the 2 blocks/);
  assert.deepEqual(presetTensors(nodes, "all"), new Set(tensors.map(({ name }) => name)));
});

test("beside a new head no preset trains nothing but the one that says so", () => {
  const nodes = layerNodes(tinyTensors());
  const empty = presetsFor(nodes, true).filter(
    ({ preset }) => presetTensors(nodes, preset).size === 0,
  );
  assert.deepEqual(
    empty.map(({ label, detail }) => `${label}: ${detail}`),
    ["Head only: A linear probe: the base stays as it is."],
  );
});
