import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdapterEntry } from "../../../src/ui/catalogs/adapter-catalog.ts";
import type { ModelEntry } from "../../../src/ui/catalogs/model-catalog.ts";
import {
  adapterRowText,
  describeAdapter,
  describeModel,
} from "../../../src/ui/views/entry-text.ts";

// The time zone of the machine, as the words have it.
const NOW = new Date(2026, 10, 27, 15, 0).getTime();
const MADE = new Date(2026, 10, 27, 14, 2).getTime();

type Summary<T extends { summary?: unknown }> = NonNullable<T["summary"]>;

const model: ModelEntry = {
  path: "/models/SmolLM2-135M",
  label: "SmolLM2-135M",
  source: "folder",
  summary: {
    modelType: "llama",
    parameters: 134_515_008,
    dtype: "F32",
    bytes: 538_060_000,
  } as Summary<ModelEntry>,
};
const adapter: AdapterEntry = {
  path: "/w/.retune/runs/a/adapter",
  label: "tone",
  madeAt: MADE,
  base: "/models/SmolLM2-135M",
  figure: "0.7824",
  summary: { method: "LoRA", rank: 8, parameters: 2_442_240 } as Summary<AdapterEntry>,
};

test("a model is known by its kind, size, number format and bytes", () => {
  assert.equal(describeModel(model), "llama · 135M · F32 · 538 MB");
});

test("an adapter in a picker says its base and size too; below its base it need not", () => {
  assert.equal(describeAdapter(adapter, NOW), "0.7824 · LoRA r=8 · SmolLM2-135M · 2.44M · 14:02");
  assert.equal(adapterRowText(adapter, NOW), "0.7824 · LoRA r=8 · 14:02");
});

test("what is not known of an adapter leaves no gap", () => {
  const { base: _, figure: __, ...plain } = adapter;
  const summary = { method: "(IA)³", parameters: 900 } as Summary<AdapterEntry>;
  assert.equal(describeAdapter({ ...plain, summary }, NOW), "(IA)³ · 900 · 14:02");
  assert.equal(adapterRowText({ ...plain, summary }, NOW), "(IA)³ · 14:02");
});

test("what can't be read says why, without the path of its own row", () => {
  const { summary: _, ...broken } = model;
  const problem = "/models/SmolLM2-135M/config.json: not JSON (/models/other is fine)";
  assert.equal(
    describeModel({ ...broken, problem }),
    "config.json: not JSON (/models/other is fine)",
  );
  assert.equal(describeModel(broken), "");
  const { summary: __, ...odd } = adapter;
  const reason = `${adapter.path}/adapter_config.json: no peft_type`;
  for (const describe of [describeAdapter, adapterRowText]) {
    assert.equal(describe({ ...odd, problem: reason }, NOW), "adapter_config.json: no peft_type");
    assert.equal(describe(odd, NOW), "");
  }
});
