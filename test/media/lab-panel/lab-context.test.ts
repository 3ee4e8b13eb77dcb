import assert from "node:assert/strict";
import { test } from "node:test";
import { alphaTitle, type LabContext } from "../../../media/lab-panel/lab-context.ts";

function context(recommended: number | undefined): LabContext {
  return {
    points: [],
    measures: [],
    metric: { key: "loss", label: "Loss", isShare: false, isLessBetter: true },
    axes: undefined,
    selected: undefined,
    recommended,
    barriers: new Set(),
    onSelect: () => undefined,
    onHover: () => undefined,
  };
}

test("an alpha is named with all that is special about it", () => {
  assert.equal(alphaTitle(0.4, context(undefined)), "alpha 0.4");
  assert.equal(alphaTitle(0.4, context(0.4)), "alpha 0.4 (recommended)");
  assert.equal(alphaTitle(0, context(0.4)), "alpha 0 (base)");
  assert.equal(alphaTitle(1, context(0.4)), "alpha 1 (fine-tune)");
  assert.equal(alphaTitle(0, context(0)), "alpha 0 (base, recommended)");
  assert.equal(alphaTitle(1, context(1)), "alpha 1 (fine-tune, recommended)");
});
