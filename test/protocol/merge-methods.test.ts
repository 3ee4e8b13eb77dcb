/** The merge methods in words against mergekit: its names, its parameters and their defaults, and how many models each takes. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import {
  MERGE_METHODS,
  MERGE_PARAMETERS,
  METHOD_NAMES,
  type MergeParameterName,
  askedParameters,
  methodWords,
} from "../../src/protocol/merge-methods.ts";

const CASES = path.join(import.meta.dirname, "../golden/mergekit/cases");

/**
 * As mergekit's classes declare them (merge_methods/*.py, ConfigParameterDef and its kin): undefined is required.
 * `lambda`, `normalize` and `rescale` of the task-vector family are GeneralizedTaskArithmeticMerge's.
 */
const OF_MERGEKIT: Record<string, Record<string, number | boolean | undefined>> = {
  linear: { weight: undefined, normalize: true },
  slerp: { t: undefined },
  nuslerp: { weight: undefined, nuslerp_flatten: true, nuslerp_row_wise: false },
  multislerp: { weight: undefined, normalize_weights: true, eps: 1e-8 },
  karcher: { max_iter: 10, tol: 1e-5 },
  "task-arithmetic": { weight: undefined, lambda: 1, normalize: false },
  ties: { weight: undefined, density: 1, lambda: 1, normalize: true, rescale: false },
  "dare-linear": { weight: undefined, density: 1, lambda: 1, normalize: false, rescale: true },
  "dare-ties": { weight: undefined, density: 1, lambda: 1, normalize: false, rescale: true },
  sce: { select_topk: 1 },
  "model-stock": { filter_wise: false },
  nearswap: { t: undefined },
  "arcee-fusion": {},
  passthrough: { scale: 1 },
};

test("parameters and their defaults are mergekit's", () => {
  for (const [name, expected] of Object.entries(OF_MERGEKIT)) {
    const method = METHOD_NAMES.find((known) => known === name);
    assert.ok(method, name);
    const ours = Object.entries(methodWords(method).parameters).map(([key, value]) => [
      key,
      value === "needed" ? undefined : value,
    ]);
    assert.deepEqual(Object.fromEntries(ours), expected, name);
  }
});

test("each parameter that a method reads is of the kind that is told of it", () => {
  for (const name of METHOD_NAMES) {
    for (const [key, value] of Object.entries(methodWords(name).parameters)) {
      const words = MERGE_PARAMETERS[key as MergeParameterName];
      assert.ok(words, `${name}: ${key}`);
      if (value === "needed") continue;
      assert.equal(typeof value, words.kind === "flag" ? "boolean" : "number", `${name}: ${key}`);
    }
  }
});

test("every parameter is read by some method", () => {
  const read = new Set(METHOD_NAMES.flatMap((name) => Object.keys(methodWords(name).parameters)));
  assert.deepEqual([...read].toSorted(), Object.keys(MERGE_PARAMETERS).toSorted());
});

test("every configuration that mergekit has merged for us is one that the words allow", () => {
  const files = readdirSync(CASES);
  assert.ok(files.length > 40);
  const met = new Set<string>();
  // One passes what no method reads, on purpose.
  for (const file of files.filter((one) => one !== "unread.yml")) {
    const config = parse(readFileSync(path.join(CASES, file), "utf8"), { merge: true }) as {
      merge_method: string;
      base_model?: unknown;
      models?: { model: unknown }[];
      slices?: { sources: { model: unknown }[] }[];
    };
    const method = METHOD_NAMES.find((name) => name === config.merge_method.replaceAll("_", "-"));
    assert.ok(method, file);
    met.add(method);
    const { base, models } = methodWords(method);
    if (base === "needed") assert.ok(config.base_model ?? config.slices, file);
    const others = config.models?.filter(
      ({ model }) => JSON.stringify(model) !== JSON.stringify(config.base_model),
    );
    if (!others) continue;
    assert.ok(others.length >= models.min && others.length <= models.max, `${file}: models`);
  }
  const own = ["model-soup"];
  assert.deepEqual([...met, ...own].toSorted(), METHOD_NAMES.toSorted());
});

test("a method is random exactly where it drops elements by chance: DARE and DELLA", () => {
  const random = METHOD_NAMES.filter((name) => methodWords(name).isRandom);
  assert.deepEqual(random.toSorted(), ["dare-linear", "dare-ties", "della", "della-linear"]);
});

test("a person is asked for the numbers that have a proposal, in the method's own order", () => {
  assert.deepEqual(
    askedParameters("ties").map(({ name, of, proposal }) => [name, of, proposal]),
    [
      ["weight", "each model", 1],
      ["density", "each model", 0.5],
    ],
  );
  assert.deepEqual(
    askedParameters("slerp").map(({ name, of, proposal }) => [name, of, proposal]),
    [["t", "all", 0.5]],
  );
  assert.deepEqual(askedParameters("model-soup"), []);
  assert.deepEqual(askedParameters("arcee-fusion"), []);
});

test("a method's own proposal goes before the parameter's", () => {
  // 0.0001 is the t of the model for which NearSwap was made, and stands in its name.
  assert.match(MERGE_METHODS.nearswap.paper, /-t0\.0001$/);
  const [asked, ...more] = askedParameters("nearswap");
  assert.equal(asked?.proposal, 0.0001);
  assert.notEqual(asked?.text, MERGE_PARAMETERS.t.text);
  assert.deepEqual(more, []);
});

test("names are unique, and each says in a line what it does and where it is described", () => {
  const titles = METHOD_NAMES.map((name) => methodWords(name).title);
  assert.equal(new Set(titles).size, titles.length);
  for (const name of METHOD_NAMES) {
    const { description, paper } = methodWords(name);
    assert.match(name, /^[a-z]+(?:-[a-z]+)*$/);
    assert.match(description, /^\S[^\n.]+$/, name);
    assert.ok(paper !== undefined && URL.canParse(paper), name);
  }
});
