/** A checkpoint by itself: what is written comes back bit for bit, and what does not fit is named. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { xorshift128plus } from "pure-rand/generator/xorshift128plus";
import type { SavingEngine, Trainable } from "../../src/objectives/engine.ts";
import { checkpointName, writeCheckpointFolder } from "../../src/run-folder/checkpoints.ts";
import { readSafetensorsHeader } from "../../src/tensors/safetensors.ts";
import {
  type Progress,
  type Trained,
  checkpointContent,
  editedKeys,
  readCheckpointWeights,
  recipeHashes,
  restoreNewest,
} from "../../src/training/checkpoint.ts";
import { initAdamW } from "../../src/training/optimizer.ts";
import { elementCount } from "../../src/util/element-count.ts";
import { refuses } from "../support/refuses.ts";
import { tempDir } from "../support/temp-dir.ts";

/** A gap before each tensor: what lies between windows is nobody's. */
const GAP = 2;

function laidOut(shapes: Readonly<Record<string, readonly number[]>>): Trainable[] {
  let offset = 0;
  return Object.entries(shapes).map(([name, shape]) => {
    offset += GAP;
    const trainable = { name, shape, offset, length: elementCount(shape) };
    offset += trainable.length;
    return trainable;
  });
}

const SHAPES = { "q.lora_A.weight": [2, 5], "q.lora_B.weight": [3, 2], "norm.weight": [4] };
const TRAINABLES = laidOut(SHAPES);
const SIZE = 20 + GAP * 3;

function trained(seed?: number): Trained {
  const state = { parameters: new Float32Array(SIZE), optimizer: initAdamW(SIZE) };
  if (seed === undefined) return state;
  const random = xorshift128plus(seed);
  const { parameters, optimizer } = state;
  for (const vector of [parameters, optimizer.firstMoments, optimizer.secondMoments]) {
    for (const { offset, length } of TRAINABLES) {
      for (let i = offset; i < offset + length; i++) vector[i] = random.next() / 2 ** 31;
    }
  }
  // What float32 can hold but a text can't, or only just.
  parameters[TRAINABLES[0]!.offset] = -0;
  parameters[TRAINABLES[0]!.offset + 1] = 2 ** -149;
  optimizer.step = seed + 3;
  return state;
}

const progress = (step: number): Progress => ({
  step,
  tokens: 1000 + step,
  elapsedMs: 12.5,
  lastLoss: 0.1 + 0.2,
  best: { step: 1, evalLoss: 1e-300 },
  evaluationsSinceBest: 2,
  recipe: { seed: "a" },
});

/** The part of an engine that a checkpoint reads. */
function engineOf({ parameters }: Trained): SavingEngine {
  const saveResult: SavingEngine["saveResult"] = async (dir) => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(path.join(dir, "adapter_config.json"), "{}");
    return { kind: "adapter", dir };
  };
  return { trainables: TRAINABLES, parameters, saveResult } as unknown as SavingEngine;
}

async function write(dir: string, step: number, state: Trained): Promise<string> {
  const { optimizer } = state;
  const parts = { optimizer, progress: progress(step), baseModel: "base" };
  await writeCheckpointFolder(dir, step, checkpointContent(engineOf(state), parts));
  return path.join(dir, checkpointName(step));
}

async function restored(dir: string, trainables = TRAINABLES) {
  const into = trained();
  const lines: string[] = [];
  const log = (line: string): number => lines.push(line);
  const found = await restoreNewest(dir, trainables, { into, log });
  return { into, lines, found };
}

/** Changes a JSON file, and what the folder says of its hash: as a program would that writes both. */
function rewrite(folder: string, change: (state: Record<string, unknown>) => object): void {
  const file = path.join(folder, "trainer-state.json");
  const text = JSON.stringify(
    change(JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>),
  );
  writeFileSync(file, text);
  const list = path.join(folder, "sha256.json");
  const hashes = JSON.parse(readFileSync(list, "utf8")) as Record<string, string>;
  hashes["trainer-state.json"] = createHash("sha256").update(text).digest("hex");
  writeFileSync(list, JSON.stringify(hashes));
}

for (const seed of [1, 2, 3]) {
  test(`weights, moments, updates and progress come back to the bit (seed ${seed})`, async (t) => {
    const dir = tempDir(t);
    const state = trained(seed);
    await write(dir, 7, state);
    const { into, lines, found } = await restored(dir);
    assert.deepEqual(found, progress(7));
    assert.deepEqual(lines, []);
    const bits = (vector: Float32Array): Uint8Array => new Uint8Array(vector.slice().buffer);
    assert.deepEqual(bits(into.parameters), bits(state.parameters));
    assert.deepEqual(bits(into.optimizer.firstMoments), bits(state.optimizer.firstMoments));
    assert.deepEqual(bits(into.optimizer.secondMoments), bits(state.optimizer.secondMoments));
    assert.equal(into.optimizer.step, seed + 3);
  });
}

test("the moments stand under torch's names, each with its tensor's shape", async (t) => {
  const folder = await write(tempDir(t), 1, trained(1));
  const { tensors } = await readSafetensorsHeader(path.join(folder, "optimizer.safetensors"));
  const expected = Object.entries(SHAPES).flatMap(([name, shape]) =>
    ["parameter", "exp_avg", "exp_avg_sq"].map(
      (slot) => [`${slot}.${name}`, "F32", shape] as const,
    ),
  );
  const found = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape] as const);
  assert.deepEqual(
    new Map(found.map(([name, ...rest]) => [name, rest])),
    new Map(expected.map(([name, ...rest]) => [name, rest])),
  );
});

test("the weights alone are read without the moments", async (t) => {
  const dir = tempDir(t);
  // The vector of the trainables without gaps is what the engine has.
  const state = trained(5);
  const folder = await write(dir, 4, state);
  let offset = 0;
  const packed = TRAINABLES.map((trainable) => {
    const at = offset;
    offset += trainable.length;
    return { ...trainable, offset: at };
  });
  const { parameters, progress: known } = await readCheckpointWeights(
    { dir: folder, step: 4 },
    packed,
  );
  const expected = TRAINABLES.flatMap((one) => [
    ...state.parameters.subarray(one.offset, one.offset + one.length),
  ]);
  assert.deepEqual([...parameters], expected);
  assert.deepEqual(known, progress(4));
});

test("the newest is taken; of none there is nothing to go on from", async (t) => {
  const dir = tempDir(t);
  assert.equal((await restored(path.join(dir, "nowhere"))).found, undefined);
  await write(dir, 9, trained(1));
  await write(dir, 10, trained(2));
  await write(dir, 8, trained(3));
  const { into, found } = await restored(dir);
  assert.equal(found!.step, 10);
  assert.equal(into.optimizer.step, 5);
});

async function pair(t: TestContext): Promise<{ dir: string; newest: string }> {
  const dir = tempDir(t);
  await write(dir, 1, trained(1));
  return { dir, newest: await write(dir, 2, trained(2)) };
}

const BROKEN: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  [
    "without its optimizer",
    (folder) => rmSync(path.join(folder, "optimizer.safetensors")),
    /optimizer\.safetensors is missing/u,
  ],
  [
    "whose state speaks of another step",
    (folder) => rewrite(folder, (state) => ({ ...state, step: 3 })),
    /step-000002: its files speak of step 3 and 5 updates/u,
  ],
  [
    "of a later version",
    (folder) => rewrite(folder, (state) => ({ ...state, version: 2 })),
    /trainer-state\.json: .*version/u,
  ],
  [
    "with a negative count",
    (folder) => rewrite(folder, (state) => ({ ...state, tokens: -1 })),
    /trainer-state\.json: .*tokens/u,
  ],
];

for (const [what, damage, says] of BROKEN) {
  test(`past one ${what}, the one before is taken, and the log says why`, async (t) => {
    const { dir, newest } = await pair(t);
    damage(newest);
    const { lines, found } = await restored(dir);
    assert.equal(found!.step, 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^step-000002 can't be used: /u);
    assert.match(lines[0]!, says);
  });
}

test("where none can be read the run does not start over, and the newest's fault is told", async (t) => {
  const { dir } = await pair(t);
  const grown = laidOut({ ...SHAPES, "norm.weight": [5] });
  await refuses(
    restored(dir, grown),
    /none of its checkpoints can be read; delete the folder to start over \(newest: .*step-000002.optimizer\.safetensors: tensor parameter\.norm\.weight is \[4\], expected \[5\]\)$/u,
  );
  const other = laidOut({ "k.lora_A.weight": [2, 5] });
  await refuses(
    restored(dir, other),
    /tensor parameter\.k\.lora_A\.weight is missing, expected \[2, 5\]/u,
  );
});

test("a recipe's keys are told apart by their values; what a run writes itself does not count", () => {
  const recipe = { seed: 1, method: { type: "lora", rank: 8 }, name: "first", hashes: { a: "b" } };
  const before = recipeHashes(recipe);
  assert.deepEqual(Object.keys(before).toSorted(), ["method", "seed"]);
  assert.equal(before["seed"], createHash("sha256").update("1").digest("hex"));
  const renamed = recipeHashes({ ...recipe, name: "second", usedDevice: "cpu", source: "x" });
  assert.deepEqual(editedKeys(before, renamed), []);
  const edited = { ...recipe, method: { type: "lora", rank: 9 }, epochs: 2, seed: undefined };
  assert.deepEqual(editedKeys(before, recipeHashes(edited)).toSorted(), [
    "epochs",
    "method",
    "seed",
  ]);
});
