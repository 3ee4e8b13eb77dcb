import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import { parsePeftConfig, peftRank } from "../../../src/adapter-files/peft/config.ts";
import { PEFT_SHAPES, peftShape } from "../../support/peft-shapes.ts";

type Json = Record<string, unknown>;
const FILE = "adapter_config.json";
const PLAIN = { peft_type: "LORA", r: 8, lora_alpha: 16 };

const parse = (more: Json) => parsePeftConfig({ ...PLAIN, ...more }, FILE);

suite("an adapter_config.json of LoRA", () => {
  const own = PEFT_SHAPES.map((name): [string, Json] => {
    const text = readFileSync(path.join(peftShape(name), FILE), "utf8");
    return [name, JSON.parse(text) as Json];
  }).filter(([, json]) => json["peft_type"] === "LORA");

  test("of PEFT's own is read, whatever it saves, with nothing lost", () => {
    assert(own.length > 15);
    for (const [name, json] of own) {
      const config = parsePeftConfig(json, FILE);
      for (const key of ["r", "lora_alpha", "target_modules", "use_dora", "modules_to_save"]) {
        assert.deepEqual(config[key], json[key], `${name}: ${key}`);
      }
      assert.deepEqual(Object.keys(json).toSorted(), Object.keys(config).toSorted(), name);
    }
  });

  test("takes what is missing and null for the same", () => {
    const expected = { use_rslora: false, use_dora: false, lora_dropout: 0 };
    for (const none of [undefined, null]) {
      const { use_rslora, use_dora, lora_dropout } = parse({
        use_rslora: none,
        use_dora: none,
        lora_dropout: none,
        rank_pattern: none,
        modules_to_save: none,
      });
      assert.deepEqual({ use_rslora, use_dora, lora_dropout }, expected);
    }
  });

  test("takes an alpha of zero or below, with which PEFT only multiplies", () => {
    for (const alpha of [0, -4, 0.5]) assert.equal(parse({ lora_alpha: alpha }).lora_alpha, alpha);
  });

  test("takes keys that compute nothing where they are off, in all of PEFT's spellings of off", () => {
    for (const off of [false, null, undefined, [], {}]) parse({ layer_replication: off });
  });

  const refused: [string, Json, RegExp][] = [
    ["another method", { peft_type: "LOHA" }, /: peft_type is "LOHA", expected "LORA"$/],
    [
      "layers that are repeated",
      { layer_replication: [[0, 4]] },
      /layer_replication is \[\[0,4\]\], which Retune does not compute; merge/,
    ],
    ["a bias of its own", { lora_bias: true }, /lora_bias is true, which/],
    [
      "activation by tokens",
      { alora_invocation_tokens: [1] },
      /alora_invocation_tokens is \[1\], which/,
    ],
    ["a variant of tomorrow", { use_tomorrow: true }, /use_tomorrow is true, a variant of LoRA/],
    [
      "biases of an unknown kind",
      { bias: true },
      /bias is true, expected "none", "all" or "lora_only"/,
    ],
    [
      "a base that PiSSA changed",
      { init_lora_weights: "pissa_niter_4" },
      /init_lora_weights is "pissa_niter_4", which changes the base's weights; save/,
    ],
    ["a rank that is no whole number", { r: 2.5 }, /: r: /],
    ["a pattern's rank of zero", { rank_pattern: { q_proj: 0 } }, /: rank_pattern\.q_proj: /],
    ["a negative dropout", { lora_dropout: -0.1 }, /: lora_dropout: /],
  ];
  for (const [what, more, message] of refused) {
    test(`is refused with ${what}`, () => {
      assert.throws(() => parse(more), { name: "InputError", message });
      assert.throws(() => parse(more), { message: /^adapter_config\.json: / });
    });
  }

  test("shows no more of a long value than a line holds", () => {
    const long = { target_parameters: Array.from({ length: 99 }, (_, i) => `experts.${i}`) };
    assert.throws(
      () => parse(long),
      (error) => error instanceof Error && error.message.length < 250,
    );
  });

  test("takes inits that leave the base as it is", () => {
    for (const init of [true, false, "gaussian", "orthogonal", "eva", null]) {
      parse({ init_lora_weights: init });
    }
  });
});

suite("a module's rank", () => {
  test("is its pattern's, else the adapter's, as PEFT looks for patterns: from a dot on", () => {
    const config = parse({ rank_pattern: { "layers.0.*": 2, q_proj: 4 } });
    assert.equal(peftRank(config, "model.layers.0.self_attn.q_proj"), 2);
    assert.equal(peftRank(config, "model.layers.1.self_attn.q_proj"), 4);
    assert.equal(peftRank(config, "model.layers.1.self_attn.xq_proj"), 8);
  });
});
