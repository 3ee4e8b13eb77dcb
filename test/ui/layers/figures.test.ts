import assert from "node:assert/strict";
import { test } from "node:test";
import { parseForecast } from "../../../src/engines/onnx.ts";
import { costText, trainableText } from "../../../src/ui/layers/figures.ts";

test("says how much is trained, never rounding to all or nothing", () => {
  assert.equal(trainableText(12_300_000, 135_000_000), "12.3M of 135M trainable (9.1 %)");
  assert.equal(trainableText(0, 100), "0 of 100 trainable (0 %)");
  assert.equal(trainableText(100, 100), "100 of 100 trainable (100 %)");
  assert.equal(trainableText(1, 1_000_000), "1 of 1M trainable (< 0.1 %)");
  assert.equal(trainableText(99_999, 100_000), "100K of 100K trainable (99.9 %)");
});

test("reads a measurement, and says in one line what is none", () => {
  const figures = {
    trainableParameters: 1,
    totalParameters: 2,
    predictedBytes: 1_234_000_000,
    stepSeconds: 0.912,
  };
  const measured = parseForecast(JSON.stringify({ ...figures, more: {} }));
  assert.equal(costText(measured), "1.23 GB · 0.91 s a step");
  assert.equal(costText({ ...measured, stepSeconds: 0.0123 }), "1.23 GB · 12 ms a step");
  assert.equal(
    costText({ ...measured, fits: false }),
    "1.23 GB · 0.91 s a step · may not fit in memory",
  );
  assert.throws(() => parseForecast("oh\nno"), /printed no measurement: "oh"/);
  assert.throws(() => parseForecast('{"predictedBytes":1}'), /printed no measurement/);
});
