import assert from "node:assert/strict";
import { test } from "node:test";
import { TRAINING_METHODS, adapterReaders } from "../../src/methods/registry.ts";
import { PEFT_KINDS } from "../../src/adapter-files/peft/kinds.ts";
import { MERGE_KINDS } from "../../src/merge/adapters/read-adapter.ts";
import { METHODS, methodSchema, methodView, trainsBase } from "../../src/protocol/methods.ts";

const names = (all: readonly { name: string }[]): string[] => all.map(({ name }) => name);

test("every method that a recipe can name is computed, and the other way round", () => {
  assert.deepEqual(names(TRAINING_METHODS.all), names(METHODS.all));
});

test("every type of PEFT's that is known is read by one method", () => {
  const types = adapterReaders().flatMap((reader) => ("owns" in reader ? [] : reader.peftTypes));
  assert.deepEqual(types.toSorted(), names(PEFT_KINDS.all).toSorted());
});

test("what can be merged is known", () => {
  for (const { name } of MERGE_KINDS.all) assert.ok(PEFT_KINDS.find(name), name);
});

test("a method's name alone makes it, with words for every place that shows it", () => {
  for (const facts of METHODS.all) {
    const { name, choices } = facts;
    const method = methodSchema.parse({ type: name });
    const { title, settings, writesModel } = methodView(method);
    for (const shown of [facts.word(method), facts.text(method), title])
      assert.ok(shown.length > 0, name);
    assert.equal(settings[0]?.label, "Method");
    assert.equal(writesModel, trainsBase(method));
    for (const { recipe } of choices) assert.equal(recipe.method.type, name);
  }
});

test("a method of a newer version is shown by its name", () => {
  assert.deepEqual(methodView({ type: "vera" }), {
    title: "vera",
    settings: [{ label: "Method", value: "vera" }],
    writesModel: false,
  });
});
