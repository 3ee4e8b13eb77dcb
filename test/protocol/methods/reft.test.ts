/** LoReFT and its kin in words: the positions that pyreft's recipes write, and the blocks that an intervention is for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReftMethod, direft, loreft, noreft } from "../../../src/protocol/methods/reft.ts";

const KIN = [loreft, direft, noreft];
const method = (options: object = {}): ReftMethod =>
  loreft.schema.parse({ type: "loreft", ...options });
const isFine = (options: object) => loreft.schema.safeParse({ type: "loreft", ...options }).success;

test("three methods have one schema, and each its own name in it", () => {
  for (const kin of KIN) {
    assert.equal(kin.schema, loreft.schema);
    assert.equal(kin.schema.parse({ type: kin.name }).type, kin.name);
  }
  const words = KIN.map((kin) => kin.word());
  assert.deepEqual(words, ["LoReFT", "DiReFT", "NoReFT"]);
});

test("positions are so many first and so many last tokens, in that order", () => {
  for (const positions of ["auto", "f7+l7", "f1", "l1", "f10+l2", "l100"]) {
    assert.ok(isFine({ positions }), positions);
  }
  for (const positions of [
    "",
    "f0",
    "l0",
    "f01",
    "f7+l0",
    "l7+f7",
    "f7+",
    "+l7",
    "f7 + l7",
    "F7",
    "7",
    "f",
    "f7+f7",
    "all",
    "auto+l1",
    "f7\n",
  ]) {
    assert.ok(!isFine({ positions }), JSON.stringify(positions));
  }
});

test("blocks are all, or some by their numbers from 0", () => {
  const tensor = (index: number | undefined) => ({
    name: "x",
    shape: [4, 4],
    facts: {
      role: "linear" as const,
      block: index === undefined ? undefined : { stem: "layers.", index, inner: "x" },
    },
  });
  const has = (layers: unknown, index: number | undefined) =>
    loreft.layers(method({ layers })).has(tensor(index));
  assert.ok(has("all", 0) && has("all", 31));
  assert.ok(!has("all", undefined), "what is in no block has no output of a block");
  assert.ok(has([0, 3], 0) && has([0, 3], 3) && !has([0, 3], 1));
  assert.ok(!has([0], undefined));
  for (const layers of [[], [-1], [0.5], "some", ["0"]])
    assert.ok(!isFine({ layers }), String(layers));
});

test("what a run's panel shows is what the recipe says", () => {
  const { settings, text, title } = direft;
  const changed = method({
    rank: 4,
    layers: [1, 2],
    positions: "f3+l3",
    tied: false,
    dropout: 0.1,
  });
  assert.deepEqual(settings(changed), [
    { label: "Method", value: "DiReFT" },
    { label: "Rank", value: "4" },
    { label: "Blocks", value: "1, 2" },
    { label: "Positions", value: "f3+l3, untied" },
    { label: "Dropout", value: 0.1 },
  ]);
  assert.equal(text({ ...changed, type: "direft" }), "direft, rank 4, f3+l3");
  assert.equal(title(changed), "DiReFT, rank 4");
  const plain = Object.fromEntries(
    loreft.settings(method()).map(({ label, value }) => [label, value]),
  );
  assert.deepEqual(plain, {
    Method: "LoReFT",
    Rank: "8",
    Blocks: "all",
    Positions: "auto, tied",
    Dropout: 0,
  });
});
