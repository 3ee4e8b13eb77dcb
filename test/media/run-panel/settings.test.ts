import assert from "node:assert/strict";
import test from "node:test";
import { settingGroups } from "../../../media/run-panel/settings.ts";
import { methodView } from "../../../src/protocol/methods.ts";
import { objectiveView } from "../../../src/protocol/objectives.ts";
import { resolvedRecipeSchema } from "../../../src/protocol/recipe.ts";
import { runView } from "./run-view.ts";

function settingsOf(changes: object = {}): Map<string, string> {
  const recipe = resolvedRecipeSchema.parse({ ...runView().recipe, ...changes });
  const settings = settingGroups(recipe, {
    method: methodView(recipe.method),
    objective: objectiveView(recipe.objective),
  }).flatMap((group) => group.settings);
  return new Map(settings.map(({ label, value }) => [label, value]));
}

test("defaults that the recipe left out are shown as they were used", () => {
  const settings = settingsOf();
  assert.equal(settings.get("Schedule"), "cosine");
  assert.equal(settings.get("Max grad norm"), "1");
  assert.equal(settings.get("Max length"), "512 tokens");
  assert.equal(settings.get("Warm-up"), "10 % of steps");
  assert.equal(settings.get("Eval"), "10 % of train");
});

test("the scale of an adapter is the one its variant has", () => {
  assert.equal(settingsOf().get("Scale"), "2");
  const rslora = { type: "lora", rank: 16, alpha: 32, variant: "rslora" };
  assert.equal(settingsOf({ method: rslora }).get("Scale"), "8");
});

test("optional settings appear when they are set", () => {
  assert.ok(!settingsOf().has("Max steps"));
  const settings = settingsOf({ maxSteps: 1000, threads: 2, earlyStop: { patience: 3 } });
  assert.equal(settings.get("Max steps"), "1,000");
  assert.equal(settings.get("Threads"), "2");
  assert.equal(settings.get("Early stop"), "after 3 evaluations");
});

test("a batch is counted in rows, or packed in tokens", () => {
  const batch = { batchSize: 4, accumulate: 2 };
  assert.equal(settingsOf(batch).get("Batch"), "4 × 2 = 8 rows");
  const data = { train: "/data/train.jsonl", packing: true };
  const packed = settingsOf({ ...batch, data });
  assert.equal(packed.get("Batch"), "up to 2,048 × 2 = 4,096 tokens");
  assert.equal(packed.get("Packing"), "on");
});

test("the device is the one used, and says why it is not the one asked for", () => {
  assert.equal(settingsOf({ device: "cuda" }).get("Device"), "cuda");
  assert.equal(settingsOf({ usedDevice: { name: "cuda" } }).get("Device"), "cuda");
  const usedDevice = { name: "cpu", note: "cuda is not installed; using cpu" };
  assert.equal(settingsOf({ device: "cuda", usedDevice }).get("Device"), "cpu, not cuda");
});

test("the memory mode is the one used, with its predicted peak", () => {
  assert.equal(settingsOf({ memory: "auto" }).get("Memory mode"), "auto");
  const usedMemory = { mode: "balanced", predictedBytes: 2 ** 30 };
  assert.equal(settingsOf({ memory: "auto", usedMemory }).get("Memory mode"), "balanced");
});

test("files are named by their last part and keep their whole path for the tooltip", () => {
  const { recipe } = runView();
  const setting = settingGroups(recipe!, { objective: objectiveView(undefined) })[0]!.settings[0]!;
  assert.deepEqual(setting, {
    label: "Base model",
    value: "SmolLM2-135M-Instruct",
    title: "/models/SmolLM2-135M-Instruct",
  });
});

test("a method has a short name", () => {
  assert.equal(methodView(runView().recipe!.method).title, "LoRA, rank 16");
  const scratch = { type: "full", init: "random" };
  assert.equal(methodView(scratch).title, "Full, from scratch");
});
