/** LoRA's words, its scale by the papers, LoRA+'s groups as PEFT makes them, and what contradicts what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PISSA_GOES_WITH, type LoraMethod, lora } from "../../../src/protocol/methods/lora.ts";
import { recipeSchema } from "../../../src/protocol/recipe.ts";

const method = (options: object = {}): LoraMethod =>
  lora.schema.parse({ type: "lora", ...options });
const setting = (options: object, label: string) =>
  lora.settings(method(options)).find((one) => one.label === label)?.value;

function contradictions(options: object, quantization?: string) {
  const recipe = recipeSchema.parse({ base: "m", data: { train: "rows.jsonl" } });
  const found = lora.contradictions({
    ...recipe,
    method: method(options),
    ...(quantization && { quantization }),
  });
  return found.map(({ keys, message }) => [keys.join("."), message]);
}

test("left alone it is the paper's LoRA on every linear layer", () => {
  assert.deepEqual(method(), {
    type: "lora",
    rank: 8,
    alpha: 16,
    dropout: 0,
    targets: "all-linear",
    variant: "lora",
  });
});

test("the scale is alpha by the rank, and rsLoRA's by the rank's root", () => {
  // arXiv 2106.09685, section 4.1: α/r. arXiv 2312.03732: α/√r.
  assert.equal(setting({ rank: 16, alpha: 8 }, "Scale"), 0.5);
  assert.equal(setting({ rank: 16, alpha: 8, variant: "dora" }, "Scale"), 0.5);
  assert.equal(setting({ rank: 16, alpha: 8, variant: "rslora" }, "Scale"), 2);
  assert.equal(
    setting({ rank: 1, alpha: 3, variant: "rslora" }, "Scale"),
    setting({ rank: 1, alpha: 3 }, "Scale"),
  );
});

test("limits are the recipe's: a rank is whole, a dropout leaves something", () => {
  const isFine = (options: object) => lora.schema.safeParse({ type: "lora", ...options }).success;
  for (const options of [
    { rank: 4096 },
    { rank: 1 },
    { dropout: 0.99 },
    { targets: ["a"] },
    { alpha: 1e-9 },
  ]) {
    assert.ok(isFine(options), JSON.stringify(options));
  }
  const wrong = [
    { rank: 0 },
    { rank: 1.5 },
    { rank: 4097 },
    { dropout: 1 },
    { dropout: -0.1 },
    { alpha: 0 },
  ];
  const empty = [
    { targets: [] },
    { targets: "" },
    { targets: [""] },
    { modulesToSave: [] },
    { rankPattern: { a: 0 } },
  ];
  for (const options of [...wrong, ...empty, { ranks: 3 }, { variant: "qlora" }]) {
    assert.ok(!isFine(options), JSON.stringify(options));
  }
});

test("LoRA+ gives B and what has one axis its multiple, as PEFT's create_loraplus_optimizer", () => {
  const plus = method({ loraPlusRatio: 16 });
  const rate = (name: string, shape: number[]) => lora.rateOf(plus, { name, shape });
  assert.equal(rate("model.layers.0.self_attn.q_proj.lora_A.weight", [8, 32]), 1);
  assert.equal(rate("model.layers.0.self_attn.q_proj.lora_B.weight", [32, 8]), 16);
  assert.equal(rate("model.layers.0.self_attn.q_proj.lora_magnitude_vector", [32]), 16);
  assert.equal(rate("model.norm.weight", [32]), 16);
  assert.equal(rate("lm_head.weight", [96, 32]), 1);
  assert.equal(lora.rateOf(method(), { name: "x.lora_B.weight", shape: [32, 8] }), 1);
});

test("what is not set has no line of its own", () => {
  const labels = (options: object) => lora.settings(method(options)).map(({ label }) => label);
  assert.deepEqual(labels({}), ["Method", "Rank", "Alpha", "Scale", "Dropout", "Targets"]);
  const all = {
    init: "pissa",
    loraPlusRatio: 16,
    targets: ["q_proj", "v_proj"],
    rankPattern: { q_proj: 4, "layers\\.0\\.": 2 },
    alphaPattern: { q_proj: 8 },
    modulesToSave: ["norm", "lm_head"],
  };
  assert.equal(labels(all).length, 11);
  assert.equal(setting(all, "Targets"), "q_proj, v_proj");
  assert.equal(setting(all, "Ranks of"), "q_proj: 4, layers\\.0\\.: 2");
  assert.equal(setting(all, "Trained whole"), "norm, lm_head");
  assert.equal(setting({ init: "default" }, "Starts as"), undefined);
});

test("PiSSA goes with plain LoRA and rsLoRA, no dropout and no module trained whole", () => {
  for (const variant of ["lora", "rslora"]) {
    assert.deepEqual(contradictions({ init: "pissa", variant }), []);
  }
  for (const other of [{ variant: "dora" }, { dropout: 0.1 }, { modulesToSave: ["norm"] }]) {
    assert.deepEqual(contradictions({ init: "pissa", ...other }), [
      ["method.init", PISSA_GOES_WITH],
    ]);
    assert.deepEqual(contradictions({ init: "default", ...other }), []);
  }
});

test("what reads the weights themselves does not go with integers, where it is on all linear layers", () => {
  for (const quantization of ["int8", "int4"]) {
    assert.deepEqual(contradictions({}, quantization), []);
    assert.deepEqual(contradictions({ variant: "dora" }, quantization), [
      ["quantization", "DoRA needs the weights as they are; leave quantization out"],
    ]);
    assert.equal(contradictions({ init: "pissa" }, quantization)[0]?.[0], "quantization");
    assert.deepEqual(
      contradictions({ variant: "dora", targets: ["embed_tokens"] }, quantization),
      [],
    );
  }
  assert.deepEqual(contradictions({ variant: "dora" }, "none"), []);
});

test("each broken pattern is told at its own place", () => {
  const options = { targets: "(", rankPattern: { ok: 1, "[": 2 }, alphaPattern: { "*": 2 } };
  const places = contradictions(options).map(([place]) => place);
  assert.deepEqual(places, ["method.targets", "method.rankPattern.[", "method.alphaPattern.*"]);
  assert.deepEqual(contradictions({ targets: ["("] }), [], "a list is names, no expressions");
});

test("layers to choose are two-dimensional and among the targets, heads are not by all-linear", () => {
  const tensor = (
    name: string,
    shape: number[],
    role: "linear" | "head" | "norm" | "embedding",
  ) => ({
    name,
    shape,
    facts: { role, block: undefined },
  });
  const q = tensor("model.layers.0.self_attn.q_proj.weight", [32, 32], "linear");
  const norm = tensor("model.layers.0.input_layernorm.weight", [32], "norm");
  const head = tensor("lm_head.weight", [96, 32], "head");
  const chosen = (targets: string | string[]) => {
    const layers = lora.layers(method({ targets }));
    return [q, norm, head].filter((one) => layers.has(one)).map(({ name }) => name);
  };
  assert.deepEqual(chosen("all-linear"), [q.name]);
  assert.deepEqual(chosen(["q_proj", "input_layernorm", "lm_head"]), [q.name, head.name]);
  assert.deepEqual(chosen(".*_proj"), [q.name]);
  assert.deepEqual(chosen(["proj"]), []);
});
