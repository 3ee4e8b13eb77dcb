/** Names on a real base: two layers of a Llama, with a head of its own and with one that is tied. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  embeddingWidth,
  placeOf,
  selectTargets,
  trainedTargets,
  wholeModules,
} from "../../src/methods/modules.ts";
import { openBaseModel } from "../../src/models/base-model.ts";
import { InputError } from "../../src/util/errors.ts";
import { goldenModel } from "../support/llama-golden.ts";

const { architecture: untied } = await openBaseModel(goldenModel("untied"));
const { architecture: tied } = await openBaseModel(goldenModel("tied"));
const { linearLayers } = untied;

/** transformers' modeling_llama.py, in the order of the forward pass. */
const LLAMA = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
];
const blocks = Array.from({ length: untied.layers }, (_, layer) => `model.layers.${layer}`);
const paths = (layers: readonly { path: string }[]): string[] =>
  layers.map(({ path }) => path).toSorted();

function says(work: () => unknown, message: RegExp): void {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("all-linear is every linear layer but the head, as in PEFT", () => {
  const expected = blocks.flatMap((block) => LLAMA.map((name) => `${block}.${name}`)).toSorted();
  assert.deepEqual(paths(selectTargets(linearLayers, "all-linear")), expected);
  assert.ok(linearLayers.some(({ isHead }) => isHead));
});

test("a list names the ends of paths at a dot; an expression names whole paths", () => {
  const q = blocks.map((block) => `${block}.self_attn.q_proj`);
  assert.deepEqual(paths(selectTargets(linearLayers, ["q_proj"])), q);
  assert.deepEqual(paths(selectTargets(linearLayers, ["self_attn.q_proj"])), q);
  assert.deepEqual(paths(selectTargets(linearLayers, String.raw`.*\.q_proj`)), q);
  assert.deepEqual(
    paths(selectTargets(linearLayers, String.raw`model\.layers\.1\..*_proj`)),
    LLAMA.map((name) => `model.layers.1.${name}`).toSorted(),
  );
  assert.deepEqual(paths(selectTargets(linearLayers, ["lm_head"])), ["lm_head"]);
});

test("a target that matches nothing is told with what there is", () => {
  const there =
    /this model has: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head$/u;
  says(() => selectTargets(linearLayers, ["c_attn"]), there);
  says(() => selectTargets(linearLayers, ["c_attn"]), /^method\.targets \["c_attn"\] matches no/u);
  // One of two is idle: that one is named.
  says(() => selectTargets(linearLayers, ["q_proj", "wq"]), /^method\.targets "wq" matches no/u);
  // Not at a dot.
  says(
    () => selectTargets(linearLayers, ["q_proj", "proj"]),
    /^method\.targets "proj" matches no/u,
  );
  says(() => selectTargets(linearLayers, ["proj"]), /\["proj"\] matches no linear layer/u);
  says(() => selectTargets(linearLayers, "q_proj"), /^method\.targets "q_proj" matches no/u);
});

test("what is frozen is no target, and a recipe that leaves none is refused", () => {
  const last = `model.layers.${untied.layers - 1}.`;
  const chosen = trainedTargets(["v_proj"], untied, (name) => name.startsWith(last));
  assert.deepEqual(paths(chosen), [`${last}self_attn.v_proj`]);
  says(
    () => trainedTargets(["v_proj"], untied, (name) => name === "model.norm.weight"),
    /freeze, trainFirst and trainLast leave none of method\.targets/u,
  );
});

test("the predicate is asked for the tensor, not for the module", () => {
  const asked: string[] = [];
  trainedTargets(["v_proj"], untied, (name) => asked.push(name) > 0);
  assert.deepEqual(
    asked,
    blocks.map((block) => `${block}.self_attn.v_proj.weight`),
  );
});

test("modules that are trained whole: their tensors, by the end of the module's path", () => {
  assert.deepEqual([...wholeModules(["norm"], untied)], ["model.norm.weight"]);
  assert.deepEqual(
    [...wholeModules(["input_layernorm", "lm_head"], untied)].toSorted(),
    [...blocks.map((block) => `${block}.input_layernorm.weight`), "lm_head.weight"].toSorted(),
  );
  assert.deepEqual(
    [...wholeModules(["model.embed_tokens"], untied)],
    ["model.embed_tokens.weight"],
  );
  assert.deepEqual([...wholeModules([], untied)], []);
  says(
    () => wholeModules(["norm", "score"], untied),
    /^method\.modulesToSave "score" matches no module of the base; it has model\.embed_tokens, model\.layers\.0 to model\.layers\.\d+, model\.norm, lm_head$/u,
  );
  // The end of a name is not the end of a path.
  says(() => wholeModules(["layernorm"], untied), /"layernorm" matches no module/u);
});

test("embeddings that are the head as well can't be saved as one of the two", () => {
  says(
    () => wholeModules(["embed_tokens"], tied),
    /"embed_tokens": embeddings and head share model\.embed_tokens\.weight in this base/u,
  );
  assert.deepEqual([...wholeModules(["norm"], tied)], ["model.norm.weight"]);
});

test("an adapter's tensor without a place is named with its folder", () => {
  const tensor = { name: "base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight" };
  const name = "adapters/mine";
  const place = "model.layers.1.self_attn.q_proj";
  assert.equal(placeOf(place, tensor, { linearLayers, name }).path, place);
  says(
    () => placeOf("model.layers.9.self_attn.q_proj", tensor, { linearLayers, name }),
    /^adapters\/mine: tensor base_model\.model\.model\.layers\.9\.self_attn\.q_proj\.lora_A\.weight has no place/u,
  );
});

test("the width is the embeddings' second axis", () => {
  const table = untied.tensors.find(({ name }) => name === "model.embed_tokens.weight");
  assert.equal(embeddingWidth(untied), table!.shape[1]);
});
