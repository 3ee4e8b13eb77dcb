import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { InputError } from "../../src/util/errors.ts";
import { readSafetensorsHeader, readTensor } from "../../src/tensors/safetensors.ts";
import { sampleToken } from "../../src/onnx-engine/sample-token.ts";
import { openTextGenerator } from "../../src/onnx-engine/text-generator.ts";

const model = (file = ""): string =>
  fileURLToPath(new URL(`../golden/models/tied/${file}`, import.meta.url));

const generator = await openTextGenerator({ baseDir: model(), threads: 1 });
after(() => generator.dispose());

/** transformers' `generate(do_sample=False, max_new_tokens=8)` after these ids, by make_llama.py. */
async function golden(name: string): Promise<number[]> {
  const { tensors } = await readSafetensorsHeader(model("generated.safetensors"));
  return [...(await readTensor(tensors.get(name)!))];
}

const greedy = { maxTokens: 8, temperature: 0, seed: 1, stopIds: [] };

test("greedy decoding with the cache gives transformers' tokens", async () => {
  const prompt = await golden("prompt");
  assert.deepEqual(await generator.generate(prompt, greedy), await golden("base"));
});

test("the adapter changes the tokens as PEFT's does", async () => {
  const adapted = await openTextGenerator({
    baseDir: model(),
    adapterDir: model("adapter"),
    threads: 1,
  });
  assert.deepEqual(await adapted.generate(await golden("prompt"), greedy), await golden("lora"));
  await adapted.dispose();
});

test("a seed decides what is sampled", async () => {
  const sampled = { maxTokens: 12, temperature: 1, seed: 3, stopIds: [] };
  const first = await generator.generate([5, 6, 7], sampled);
  assert.deepEqual(await generator.generate([5, 6, 7], sampled), first);
  assert.notDeepEqual(await generator.generate([5, 6, 7], { ...sampled, seed: 4 }), first);
});

test("generation ends before a stop id and at the last position", async () => {
  const prompt = await golden("prompt");
  const [first, second] = await golden("base");
  assert.notEqual(first, second);
  assert.deepEqual(await generator.generate(prompt, { ...greedy, stopIds: [second!] }), [first]);
  const long = Array.from({ length: 60 }, (_, i) => i);
  assert.equal((await generator.generate(long, { ...greedy, maxTokens: 100 })).length, 4);
});

test("a prompt without tokens, too long, or of another vocabulary is refused", async () => {
  await assert.rejects(async () => generator.generate([], greedy), InputError);
  await assert.rejects(
    async () =>
      generator.generate(
        Array.from({ length: 64 }, () => 1),
        greedy,
      ),
    /64 tokens.*allows 64/,
  );
  await assert.rejects(async () => generator.generate([96], greedy), /id 96.*vocabulary of 96/);
});

test("nucleus sampling never draws outside the nucleus", () => {
  const logits = Float32Array.from([Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)]);
  const drawn = new Set<number>();
  for (let i = 0; i < 100; i++) {
    drawn.add(sampleToken(logits, { temperature: 1, topP: 0.75, random: () => i / 100 }));
  }
  assert.deepEqual(
    [...drawn].toSorted((a, b) => a - b),
    [0, 1],
  );
});
