import assert from "node:assert/strict";
import { test } from "node:test";
import { layerNodes, type LayerNode, trainedIn } from "../../../src/ui/layers/layer-nodes.ts";
import { presetsFor, presetTensors } from "../../../src/ui/layers/layer-presets.ts";
import { tinyTensors } from "./tiny-tensors.ts";

const nodes = layerNodes(tinyTensors({ tied: false }));
const labels = (each: readonly LayerNode[]) => each.map(({ label }) => label);

test("a model opens to embeddings, blocks, last norm and head, whatever the order of its file", () => {
  assert.deepEqual(labels(nodes), ["Embeddings", "Block 0", "Block 1 (last)", "Last norm", "Head"]);
  const block = nodes[1]!;
  assert.deepEqual(labels(block.children), ["Attention", "MLP", "Norms"]);
  assert.deepEqual(labels(block.children[0]!.children), [
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "q_proj.bias",
  ]);
  assert.equal(block.parameters, 2 * 4 + 4 * 16 + 4 + 3 * 16);
  assert.equal(trainedIn(block, new Set(["model.layers.0.mlp.up_proj.weight", "model.norm"])), 1);
});

test("every tensor stands in the tree once", () => {
  const leaves = (each: readonly LayerNode[]): string[] =>
    each.flatMap(({ children, tensors }) =>
      children.length > 0 ? leaves(children) : tensors.map(({ name }) => name),
    );
  const names = tinyTensors({ tied: false }).map(({ name }) => name);
  assert.deepEqual(leaves(nodes).toSorted(), names.toSorted());
});

test("presets train what they say", () => {
  const trained = (...args: [Parameters<typeof presetTensors>[1], number?]) => [
    ...presetTensors(nodes, ...args),
  ];
  assert.deepEqual(trained("head"), ["lm_head.weight"]);
  assert.ok(trained("last-blocks", 1).every((name) => name.startsWith("model.layers.1.")));
  assert.equal(trained("last-blocks", 2).length, 20);
  assert.equal(trained("all-but-embeddings").length, 22);
  assert.equal(trained("all").length, 23);
  assert.deepEqual(trained("none"), []);
  assert.deepEqual(
    trained("norms-and-biases").map((name) => name.replace(/^model\.(layers\.\d\.)?/, "")),
    [0, 1]
      .flatMap(() => ["input_layernorm", "post_attention_layernorm", "self_attn.q_proj.bias"])
      .map((name) => (name.endsWith("bias") ? name : `${name}.weight`))
      .concat("norm.weight"),
  );
});

test("the head of a model with tied weights is its embedding, and the preset says so", () => {
  const tied = layerNodes(tinyTensors());
  assert.deepEqual([...presetTensors(tied, "head")], ["model.embed_tokens.weight"]);
  const text = presetsFor(tied).find(({ preset }) => preset === "head");
  assert.match(text?.detail ?? "", /head is its embedding/);
});

test("an adapter is offered only presets of blocks", () => {
  const blocks = layerNodes(tinyTensors().filter(({ name }) => name.includes("_proj")));
  assert.deepEqual(
    presetsFor(blocks).map(({ preset }) => preset),
    ["last-blocks", "all", "none"],
  );
});

test("beside a new head the presets speak of it, and the head alone is no tensor of the base", () => {
  const nodes = layerNodes(tinyTensors({ tied: true }));
  const presets = presetsFor(nodes, true);
  const [head] = presets;
  assert.deepEqual([head?.label, head?.preset], ["Head only", "none"]);
  assert.deepEqual([...presetTensors(nodes, head!.preset)], []);
  assert.ok(presets.every(({ detail }) => !/tied|which is the head/u.test(detail)));
});
