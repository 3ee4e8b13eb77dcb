import assert from "node:assert/strict";
import test from "node:test";
import { Registry } from "../../src/util/registry.ts";
import { InputError } from "../../src/util/errors.ts";

const [a, b] = [{ name: "a" }, { name: "b" }];

test("members are found by name, in the order in which they were named", () => {
  const registry = new Registry("method", [b, a]);
  assert.equal(registry.get("a"), a);
  assert.equal(registry.find("c"), undefined);
  assert.deepEqual(registry.all, [b, a]);
});

test("an unknown name is refused with those that there are", () => {
  const registry = new Registry("method", [a, b]);
  const expected = new InputError("there is no method c; known: a, b");
  assert.throws(() => registry.get("c"), expected);
});

test("a member from outside can be taken out again, and never replaces another", () => {
  const registry = new Registry("method", [a]);
  const remove = registry.add(b);
  assert.equal(registry.get("b"), b);
  assert.throws(() => registry.add({ name: "a" }), /internal: method a twice/);
  remove();
  assert.equal(registry.find("b"), undefined);
});
