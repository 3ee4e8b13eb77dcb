import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bySourceAndLabel,
  labelOf,
  withUniqueLabels,
} from "../../../src/ui/catalogs/model-labels.ts";
import { Dice } from "../../support/fuzz/dice.ts";

test("a model is called by its folder or file, a run's whole model by its run", () => {
  assert.equal(labelOf("/models/SmolLM2-135M"), "SmolLM2-135M");
  assert.equal(labelOf("/models/tiny.Q4_K_M.gguf"), "tiny.Q4_K_M.gguf");
  assert.equal(labelOf("/w/.retune/runs/tone-1127/model"), "tone-1127/model");
});

const entry = (path: string) => ({ path, label: labelOf(path) });
const unique = (...paths: readonly string[]): string[] =>
  withUniqueLabels(paths.map(entry)).map(({ label }) => label);

test("only models of one name are told apart, by the folder that they are in", () => {
  assert.deepEqual(unique("/a/tiny", "/b/tiny", "/b/large"), ["a/tiny", "b/tiny", "large"]);
  assert.deepEqual(unique("/a/tiny", "/a/large"), ["tiny", "large"]);
  assert.deepEqual(unique(), []);
});

test("where the folder is of one name too, those above it are named", () => {
  assert.deepEqual(unique("/x/a/tiny", "/y/a/tiny", "/z/b/tiny"), [
    "x/a/tiny",
    "y/a/tiny",
    "b/tiny",
  ]);
  assert.deepEqual(unique("/w/one/runs/tone/model", "/w/two/runs/tone/model"), [
    "one/runs/tone/model",
    "two/runs/tone/model",
  ]);
});

test("of two snapshots of one model of the cache, which has a name of its own, each can be chosen", () => {
  const snapshot = (commit: string) => ({
    path: `/cache/models--org--tiny/snapshots/${commit}`,
    label: "org/tiny",
  });
  const labels = withUniqueLabels([snapshot("aa"), snapshot("bb")]).map(({ label }) => label);
  assert.equal(new Set(labels).size, 2, labels.join(", "));
});

test("whatever lies where, no two models have one label, and each label ends its path", () => {
  for (let seed = 0; seed < 300; seed++) {
    const dice = new Dice(seed);
    const places = Array.from({ length: 2 + dice.int(8) }, () => {
      const folders = Array.from({ length: 1 + dice.int(4) }, () => dice.pick(["a", "b"]));
      return `/${[...folders, dice.pick(["tiny", "model", "a"])].join("/")}`;
    });
    const paths = [...new Set(places)];
    const labels = unique(...paths);
    const message = `seed ${seed}: ${paths.join(", ")} → ${labels.join(", ")}`;
    assert.equal(new Set(labels).size, paths.length, message);
    for (const [index, label] of labels.entries())
      assert.ok(`/${paths[index]}`.endsWith(`/${label}`), message);
  }
});

test("nothing else of an entry changes, and their order neither", () => {
  const entries = ["/b/tiny", "/a/tiny"].map((path) => ({ ...entry(path), size: path.length }));
  assert.deepEqual(withUniqueLabels(entries), [
    { path: "/b/tiny", label: "b/tiny", size: 7 },
    { path: "/a/tiny", label: "a/tiny", size: 7 },
  ]);
  assert.deepEqual(
    entries.map(({ label }) => label),
    ["tiny", "tiny"],
  );
});

test("the workspace's models stand first, the cache's last, each by name", () => {
  const models = [
    { source: "cache", label: "a", path: "/models/a" },
    { source: "folder", label: "b", path: "/models/b" },
    { source: "workspace", label: "z", path: "/models/z" },
    { source: "workspace", label: "B", path: "/models/B" },
    { source: "workspace", label: "a", path: "/models/a" },
  ] as const;
  const expected = ["workspace a", "workspace B", "workspace z", "folder b", "cache a"];
  for (const order of [models, models.toReversed()]) {
    const sorted = order.toSorted(bySourceAndLabel);
    assert.deepEqual(
      sorted.map(({ source, label }) => `${source} ${label}`),
      expected,
    );
  }
});

test("what runs have made comes after the workspace's own models, the newest first", () => {
  const run = (label: string, changedAt: number) =>
    ({ source: "workspace", label, path: `/w/.retune/runs/${label}`, changedAt }) as const;
  const models = [
    run("a/model", 1),
    run("b/model", 3),
    run("c/model", 2),
    { source: "folder", label: "added", path: "/models/.retune/runs/x/model" },
    { source: "workspace", label: "tiny-10", path: "/w/models/tiny-10", changedAt: 9 },
    { source: "workspace", label: "tiny-9", path: "/w/models/tiny-9", changedAt: 8 },
  ] as const;
  const expected = ["tiny-9", "tiny-10", "b/model", "c/model", "a/model", "added"];
  for (const order of [models, models.toReversed()]) {
    const sorted = order.toSorted(bySourceAndLabel).map(({ label }) => label);
    assert.deepEqual(sorted, expected);
  }
});
