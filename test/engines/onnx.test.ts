/** The built-in engine as a window asks it: by the bundled command, which is the real one. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Asked } from "../../src/engines/engine.ts";
import { onnxEngine } from "../../src/engines/onnx.ts";
import { bundleSource, tinyWorkspace, writeRecipe } from "../support/retune.ts";

const asked = async (signal = new AbortController().signal): Promise<Asked> => ({
  programs: { trainer: "/nowhere", cli: await bundleSource("cli.ts") },
  signal,
});

test("a check tells what a run takes, and what it would be refused for", async (t) => {
  const dir = tinyWorkspace(t);
  const good = await onnxEngine.check?.(writeRecipe(dir), await asked());
  assert.equal(good?.problem, undefined);
  assert.equal(good?.unfinished, undefined);
  assert.ok(good?.memory?.fits && good.memory.predictedBytes > 0);
  writeFileSync(path.join(dir, "broken.jsonl"), '{"text": "a"}\n{"text": \n');
  const recipe = writeRecipe(dir, { data: { train: "broken.jsonl", maxLength: 64 } });
  const bad = await onnxEngine.check?.(recipe, await asked());
  assert.match(bad?.problem ?? "", /broken\.jsonl:2:/u);
  assert.match(bad?.unfinished ?? "", /broken\.jsonl:2:/u);
});

test("a check that is cancelled found nothing to the end", async (t) => {
  const file = writeRecipe(tinyWorkspace(t));
  const found = await onnxEngine.check?.(file, await asked(AbortSignal.abort()));
  assert.deepEqual(found, { unfinished: "not checked to the end, it takes long" });
});

test("a forecast has measured a step", async (t) => {
  const file = writeRecipe(tinyWorkspace(t));
  const forecast = await onnxEngine.forecast?.(file, await asked());
  assert.ok(forecast && forecast.stepSeconds > 0 && forecast.predictedBytes > 0);
  assert.ok(forecast.trainableParameters < forecast.totalParameters);
  const refused = writeRecipe(tinyWorkspace(t), { method: { type: "freeze" } });
  await assert.rejects(
    async () => onnxEngine.forecast?.(refused, await asked()),
    /retune\.json:\d+: method freeze needs freeze/u,
  );
  assert.equal(await onnxEngine.forecast?.(file, await asked(AbortSignal.abort())), undefined);
});

test("text comes as it is generated", async (t) => {
  const dir = tinyWorkspace(t);
  let text = "";
  const request = { base: path.join(dir, "model"), prompt: "a", maxTokens: 3 };
  const io = { ...(await asked()), onText: (part: string) => void (text += part) };
  assert.equal(await onnxEngine.generate?.(request, io), true);
  assert.ok(text.length > 0);
});
