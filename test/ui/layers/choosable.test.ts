import assert from "node:assert/strict";
import { test } from "node:test";
import { METHODS, methodSchema } from "../../../src/protocol/methods.ts";
import { choosableTensors } from "../../../src/ui/layers/choosable.ts";
import { InputError } from "../../../src/util/errors.ts";
import { tinyTensors } from "./tiny-tensors.ts";

const tensors = tinyTensors({ tied: false });
const choosable = (method: object) => choosableTensors(methodSchema.parse(method), tensors);
const namesOf = (method: object) => choosable(method).tensors.map(({ name }) => name);
const refusal = (method: object, message: RegExp): void =>
  assert.throws(
    () => choosable(method),
    (error) => error instanceof InputError && message.test(error.message),
    String(message),
  );

test("of methods that train the base's own weights every tensor is to choose", () => {
  for (const type of ["full", "freeze"]) {
    const { kind, tensors: chosen } = choosable({ type });
    assert.equal(kind, "tensors", type);
    assert.deepEqual(chosen, tensors, type);
  }
});

test("an adapter has the linear weights of blocks, no norm, bias, embedding or head", () => {
  const names = namesOf({ type: "lora" });
  const linear = tensors.filter(({ shape, name }) => shape.length === 2 && /layers/.test(name));
  assert.deepEqual(
    names,
    linear.map(({ name }) => name),
  );
  assert.equal(names.length, 2 * 7, "q, k, v, o, gate, up, down of two blocks");
});

test("targets leave those that they name", () => {
  const names = namesOf({ type: "lora", targets: ["q_proj", "v_proj"] });
  assert.deepEqual(
    names,
    [0, 1].flatMap((block) =>
      ["q", "v"].map((part) => `model.layers.${block}.self_attn.${part}_proj.weight`),
    ),
  );
});

test("a method of whole blocks has the tensors of its own blocks", () => {
  const { kind, tensors: chosen } = choosable({ type: "loreft", layers: [1] });
  assert.equal(kind, "blocks");
  assert.ok(chosen.length > 0 && chosen.every(({ name }) => name.startsWith("model.layers.1.")));
  const all = namesOf({ type: "loreft", layers: "all" });
  assert.equal(all.length, 2 * chosen.length);
});

test("a method of virtual tokens has nothing to choose, and says which methods have", () => {
  for (const type of ["prompt-tuning", "prefix-tuning"]) {
    refusal({ type, tokens: 4 }, new RegExp(`^method ${type} trains virtual tokens.*freeze.*lora`));
  }
});

test("a key that names no layer of this base is told by its name", () => {
  refusal(
    { type: "lora", targets: ["c_attn"] },
    /^method\.targets names none of the base model's layers/,
  );
  refusal({ type: "loreft", layers: [9] }, /^method\.layers names none of the base model's layers/);
});

test("every method that is offered has layers of some kind, or says that it has none", () => {
  for (const { recipe } of METHODS.all.flatMap(({ choices }) => choices)) {
    const method = methodSchema.parse(recipe.method);
    try {
      assert.ok(choosableTensors(method, tensors).tensors.length > 0, method.type);
    } catch (error) {
      assert.ok(error instanceof InputError && error.message.includes(method.type), String(error));
    }
  }
});
