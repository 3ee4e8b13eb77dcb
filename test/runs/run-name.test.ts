import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultRunName } from "../../src/runs/run-name.ts";

test("a default name says base, method and data", () => {
  const name = (base: string, data: string) => defaultRunName({ base, method: "lora", data });
  assert.equal(name("/m/retune-tiny", "/d/dictionary-train.jsonl"), "retune-tiny-lora-dictionary");
  assert.equal(name("/m/SmolLM2-135M.gguf", "/d/train.jsonl"), "SmolLM2-135M-lora-train");
  assert.equal(name("/m/tiny", "/d/mails.csv.gz"), "tiny-lora-mails");
  assert.equal(name("/m/v1.5", "/d/strain.jsonl"), "v1.5-lora-strain");
});
