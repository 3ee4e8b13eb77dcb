import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bySourceAndLabel,
  labelOf,
  withUniqueLabels,
} from "../../../src/ui/catalogs/model-labels.ts";

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
    { source: "cache", label: "a" },
    { source: "folder", label: "b" },
    { source: "workspace", label: "z" },
    { source: "workspace", label: "B" },
    { source: "workspace", label: "a" },
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
