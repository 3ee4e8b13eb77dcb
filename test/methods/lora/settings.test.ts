/** What a recipe's LoRA comes to, with PEFT's own rules for scales, patterns and places. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loraSettings } from "../../../src/methods/lora/settings.ts";
import { openBaseModel } from "../../../src/models/base-model.ts";
import { methodSchema } from "../../../src/protocol/methods.ts";
import type { LoraMethod } from "../../../src/protocol/methods/lora.ts";
import { InputError } from "../../../src/util/errors.ts";
import { goldenModel } from "../../support/llama-golden.ts";

const { architecture } = await openBaseModel(goldenModel("untied"));
const ALL = (_tensor: string): boolean => true;

function settings(method: object, isTrained = ALL) {
  const parsed = methodSchema.parse({ type: "lora", ...method }) as LoraMethod;
  return loraSettings(parsed, architecture, isTrained);
}

function says(work: () => unknown, message: RegExp): void {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("the scale is alpha / r, of rsLoRA alpha / √r", () => {
  const plain = settings({ rank: 4, alpha: 8, targets: ["q_proj"] });
  const stabilised = settings({ rank: 4, alpha: 8, targets: ["q_proj"], variant: "rslora" });
  assert.deepEqual(new Set(plain.sites.map(({ scale }) => scale)), new Set([2]));
  assert.deepEqual(new Set(stabilised.sites.map(({ scale }) => scale)), new Set([4]));
  assert.deepEqual([plain.useRslora, stabilised.useRslora, plain.useDora], [false, true, false]);
});

test("patterns give single modules a rank and an alpha, and the first that matches counts", () => {
  const { sites } = settings({
    rank: 4,
    alpha: 8,
    targets: ["q_proj", "v_proj"],
    rankPattern: { "layers.0.self_attn.q_proj": 2, q_proj: 1 },
    alphaPattern: { v_proj: 6 },
  });
  const of = (path: string): [number, number] => {
    const { rank, scale } = sites.find(({ layer }) => layer.path === path)!;
    return [rank, scale];
  };
  // alpha / own rank: 8/2, 8/1; own alpha / rank: 6/4.
  assert.deepEqual(of("model.layers.0.self_attn.q_proj"), [2, 4]);
  assert.deepEqual(of("model.layers.1.self_attn.q_proj"), [1, 8]);
  assert.deepEqual(of("model.layers.1.self_attn.v_proj"), [4, 1.5]);
});

test("a pattern that matches none of the targets is told by its key", () => {
  const targets = ["q_proj"];
  says(
    () => settings({ targets, rank: 2, rankPattern: { v_proj: 1 } }),
    /^method\.rankPattern "v_proj" matches none of the target modules$/u,
  );
  says(
    () => settings({ targets, rank: 2, alphaPattern: { q_proj: 1, up_proj: 3 } }),
    /^method\.alphaPattern "up_proj" matches none/u,
  );
});

test("a rank above the smaller side is told with the module, its shape and the limit", () => {
  const k = architecture.linearLayers.find(({ path }) => path.endsWith("k_proj"))!;
  const limit = Math.min(k.inFeatures, k.outFeatures);
  const shape = String.raw`\[${k.outFeatures}, ${k.inFeatures}\]`;
  const escaped = k.path.replaceAll(".", String.raw`\.`);
  settings({ targets: ["k_proj"], rank: limit });
  says(
    () => settings({ targets: ["k_proj"], rank: limit + 1 }),
    new RegExp(
      `^method\\.rank ${limit + 1} is above ${limit}, the smaller side of ${escaped} ${shape}; choose ${limit} or less$`,
      "u",
    ),
  );
  says(
    () => settings({ targets: ["k_proj"], rank: 1, rankPattern: { k_proj: limit + 1 } }),
    new RegExp(`^method\\.rankPattern ${limit + 1} is above ${limit}`, "u"),
  );
});

test("embeddings among the targets stand apart, by PEFT's name and with the recipe's rank", () => {
  const { sites, embedding } = settings({ rank: 4, alpha: 8, targets: ["embed_tokens", "q_proj"] });
  const [vocabSize, width] = architecture.tensors.find(
    ({ name }) => name === "model.embed_tokens.weight",
  )!.shape as [number, number];
  assert.deepEqual(embedding, {
    path: "model.embed_tokens",
    vocabSize,
    width,
    rank: 4,
    scale: 2,
  });
  assert.ok(sites.every(({ layer }) => layer.path.endsWith("q_proj")));
});

test("embeddings alone leave no linear site; frozen ones are left out", () => {
  const alone = settings({ rank: 4, targets: ["embed_tokens"] });
  assert.deepEqual([alone.sites.length, alone.embedding?.rank], [0, 4]);
  const frozen = settings(
    { rank: 4, targets: ["embed_tokens", "q_proj"] },
    (name) => name !== "model.embed_tokens.weight",
  );
  assert.deepEqual([frozen.embedding, frozen.sites.length], [undefined, architecture.layers]);
});

test("all-linear has no embeddings", () => {
  const { embedding, sites } = settings({ rank: 2 });
  assert.equal(embedding, undefined);
  assert.equal(sites.length, 7 * architecture.layers);
});

for (const [what, change] of [
  ["DoRA", { variant: "dora" }],
  ["dropout", { dropout: 0.1 }],
  ["embeddings", { targets: ["embed_tokens", "q_proj"] }],
  ["modules trained whole", { modulesToSave: ["norm"] }],
] as const) {
  test(`PiSSA does not go with ${what}`, () => {
    const pissa = { type: "lora", rank: 2, targets: ["q_proj"], init: "pissa" };
    assert.equal(settings(pissa).fromPrincipal, true);
    const method = { ...(methodSchema.parse(pissa) as LoraMethod), ...change } as LoraMethod;
    says(() => loraSettings(method, architecture, ALL), /^method\.init "pissa" goes with/u);
  });
}
