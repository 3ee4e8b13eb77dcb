import { readFileSync } from "node:fs";
import { test } from "node:test";
import assert from "node:assert/strict";
import { parseDecoderConfig } from "../../../src/models/parts/decoder-config.ts";
import {
  ropeAttentionFactor,
  ropeFrequencies,
  ropeTables,
} from "../../../src/models/parts/rope.ts";
import { assertClose } from "../../support/assert-close.ts";

interface Golden {
  name: string;
  config: Record<string, unknown>;
  frequencies: number[];
  attentionFactor: number;
}

const goldens = JSON.parse(
  readFileSync(new URL("../../golden/models/rope.json", import.meta.url), "utf8"),
) as Golden[];

for (const { name, config, frequencies, attentionFactor } of goldens) {
  test(`${name} frequencies are transformers'`, () => {
    const { rope } = parseDecoderConfig(config, "config.json");
    // transformers computes them in float32
    ropeFrequencies(rope).forEach((frequency, i) => {
      assertClose([frequency], [frequencies[i]!], { rtol: 2e-6 }, `${name}[${i}]`);
    });
    assertClose([ropeAttentionFactor(rope)], [attentionFactor], { rtol: 1e-12 });
  });
}

test("the scaling that transformers 4 wrote means the same as rope_parameters", () => {
  const golden = goldens.find(({ name }) => name === "llama3")!;
  const { rope_parameters, ...rest } = golden.config as { rope_parameters: { rope_theta: number } };
  const { rope_theta, ...rope_scaling } = rope_parameters;
  const before = parseDecoderConfig({ ...rest, rope_theta, rope_scaling }, "config.json");
  assert.deepEqual(before.rope, parseDecoderConfig(golden.config, "config.json").rope);
});

test("position 0 is not rotated", () => {
  const { cos, sin } = ropeTables({ type: "default", theta: 10_000, headSize: 8 }, 3);
  assert.deepEqual([...cos.subarray(0, 4), ...sin.subarray(0, 4)], [1, 1, 1, 1, 0, 0, 0, 0]);
  assertClose(cos.subarray(4, 6), [Math.cos(1), Math.cos(0.1)], { rtol: 1e-6 });
});
