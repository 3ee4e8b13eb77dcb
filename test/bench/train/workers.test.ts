import assert from "node:assert/strict";
import { test } from "node:test";
import type { Context } from "../../../bench/train/context.ts";
import type { TrainConfig } from "../../../bench/train/protocol.ts";
import { stepWindows } from "../../../bench/train/workers.ts";

const CONFIG: TrainConfig = {
  modelDir: "model",
  dataFile: "data.json",
  threads: 2,
  rank: 8,
  alpha: 16,
  learningRate: 2e-4,
  precision: "float32",
};
const CONTEXT: Context = {
  outDir: "out",
  python: "python3",
  threads: 2,
  rounds: 1,
  precision: "float32",
  quick: false,
  log: () => {},
};

const names = (config: TrainConfig, context = CONTEXT): string[][] =>
  stepWindows(context, config).map((window) => window.map(({ name }) => name));

test("float32 is measured in one window", () => {
  assert.deepEqual(names(CONFIG), [["retune", "eager", "tuned", "compiled"]]);
});

test("in bfloat16 the peers are PyTorch's ways to it and our own float32, and ours is in every window", () => {
  const half: TrainConfig = { ...CONFIG, precision: "bfloat16" };
  const eager = [
    "retune",
    "retune-float32",
    "autocast-eager",
    "autocast-tuned",
    "bfloat16-weights",
  ];
  const compiled = ["retune", "autocast-compiled", "bfloat16-weights-compiled"];
  assert.deepEqual(names(half), [eager, compiled]);
  assert.deepEqual(names(half, { ...CONTEXT, quick: true }), [eager]);
  const precisions = stepWindows(CONTEXT, half).flat();
  const float32 = precisions.filter(({ config }) => config.precision === "float32");
  assert.deepEqual(
    float32.map(({ name }) => name),
    ["retune-float32"],
  );
});
