import assert from "node:assert/strict";
import { test } from "node:test";
import { stepFlops } from "../../../bench/train/flops.ts";
import { SHAPES, parameterCount } from "../../../bench/train/shapes.ts";

test("SmolLM2's sizes give its published parameter count", () => {
  assert.equal(parameterCount(SHAPES["135M"]), 134_515_008);
  assert.equal(parameterCount(SHAPES["1.1B"]), 1_100_048_384);
});

test("a step of a tiny model counts every product once", () => {
  const shape = { hidden: 8, intermediate: 16, layers: 2, heads: 2, keyValueHeads: 1 };
  const flops = stepFlops(
    { ...shape, vocabulary: 32, tied: true },
    { rowLengths: [3, 5], counted: 6, rank: 2 },
  );
  // q 8·8, k and v 8·4, o 8·8, gate, up and down 8·16, by 8 tokens and twice for multiply and add.
  const forward = 2 * 8 * (64 + 32 + 32 + 64 + 3 * 128);
  // Backward once more, but in the first layer not through q, k and v.
  assert.equal(flops.linears, 2 * forward + 2 * forward - 2 * 8 * (64 + 32 + 32));
  assert.equal(flops.head, 2 * (2 * 6 * 8 * 32));
  // Six products of [T, C/heads] with its like per head: 2·T²·C together, per row and layer.
  assert.equal(flops.attention, 2 * 6 * (2 * 9 * 8 + 2 * 25 * 8));
  // Down and up, and two products for the gradients of each.
  const widths = 16 + 12 + 12 + 16 + 3 * 24;
  assert.equal(flops.lora, 2 * 3 * (2 * 8 * 2 * widths));
  assert.equal(flops.total, flops.linears + flops.head + flops.attention + flops.lora);
});
