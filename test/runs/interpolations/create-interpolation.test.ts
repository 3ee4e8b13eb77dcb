import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type {
  InterpolationData,
  InterpolationDefinition,
} from "../../../src/protocol/interpolation.ts";
import {
  createInterpolation,
  endName,
  parseAlphas,
} from "../../../src/runs/interpolations/create-interpolation.ts";
import { tempDir } from "../../support/temp-dir.ts";

test("alphas are from, to and step, both ends where the step meets them, without rounding's tail", () => {
  assert.deepEqual(parseAlphas("0:1:0.1"), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  assert.deepEqual(parseAlphas("0.2:0.9:0.3"), [0.2, 0.5, 0.8]);
  assert.deepEqual(parseAlphas("0.5:0.5:1"), [0.5]);
});

test("anything else is refused with what was found", () => {
  for (const text of [
    "",
    "0:1",
    "0:2:0.1",
    "1:0:0.1",
    "0:1:0",
    "0:1:-1",
    "a:1:1",
    "0:1:1:1",
    "0:1:0.001",
  ]) {
    assert.throws(
      () => parseAlphas(text),
      (error: Error) => error.message.includes(`found "${text}"`),
      text,
    );
  }
});

test("a run's result is called by the run, any other end by its own name", () => {
  assert.equal(endName("/w/.retune/runs/tone-1/adapter"), "tone-1");
  assert.equal(endName("/w/.retune/runs/tone-1/model"), "tone-1");
  assert.equal(endName("/models/tiny.gguf"), "tiny");
});

interface Made {
  dir: string;
  data: InterpolationData[];
  create: (change?: object) => Promise<string>;
}

function prepare(t: TestContext): Made {
  const dir = tempDir(t);
  const data = (["validation", "shifted"] as const).map((role) => {
    const file = path.join(dir, `${role}.jsonl`);
    writeFileSync(file, '{"text": "a"}\n');
    return { name: role, file, role };
  });
  const whole = { base: "/models/tiny", adapter: "/runs/tone/adapter", alphas: [0, 0.5, 1], data };
  const create = (change: object = {}): Promise<string> =>
    createInterpolation({ ...whole, ...change }, { interpolationsDir: path.join(dir, "made") });
  return { dir, data, create };
}

test("its folder is whole and queued, named by its ends, which are computed first", async (t) => {
  const { dir, create } = prepare(t);
  const made = await create();
  assert.equal(path.dirname(made), path.join(dir, "made"));
  const read = (name: string): unknown => JSON.parse(readFileSync(path.join(made, name), "utf8"));
  const definition = read("interpolation.json") as InterpolationDefinition;
  assert.deepEqual([definition.name, definition.alphas], ["tiny to tone", [0, 1, 0.5]]);
  const { status, createdAt } = read("state.json") as { status: string; createdAt: string };
  assert.deepEqual([status, createdAt], ["queued", definition.createdAt]);
  assert.deepEqual(readdirSync(made).toSorted(), ["interpolation.json", "state.json"]);
});

test("a single alpha is one, and both a model and an adapter are too many", async (t) => {
  const { dir, create } = prepare(t);
  const { alphas } = JSON.parse(
    readFileSync(path.join(await create({ alphas: [0.3] }), "interpolation.json"), "utf8"),
  ) as InterpolationDefinition;
  assert.deepEqual(alphas, [0.3]);
  await assert.rejects(create({ tuned: "/models/b" }), /needs tuned or adapter, and not both/);
  assert.equal(readdirSync(path.join(dir, "made")).length, 1);
});

test("data that can't be used so are named, and nothing is made", async (t) => {
  const { dir, data, create } = prepare(t);
  const [validation, shifted] = data;
  assert.ok(validation && shifted);
  const link = path.join(dir, "link.jsonl");
  symlinkSync(validation.file, link);
  for (const [change, message] of [
    [[validation, { ...shifted, name: "validation" }], /two data sets are named validation/],
    [[{ ...validation, file: path.join(dir, "gone") }], /^validation: .*gone does not exist$/],
    [[{ ...validation, file: dir }], /^validation: .* is not a file$/],
    [[validation, { ...shifted, file: link }], /link\.jsonl is both validation and test/],
    [[shifted, { ...shifted, name: "again" }], /is given twice \(shifted, again\); leave one out/],
    [[], /an interpolation: data: /],
  ] as const) {
    await assert.rejects(create({ data: change }), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(existsSync(path.join(dir, "made")), false);
});
