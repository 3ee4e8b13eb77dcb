import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Box,
  crosses,
  grown,
  overlap,
  type Place,
  placeLabels,
} from "../../../media/lab-panel/label-places.ts";

const AREA: Box = { left: 64, top: 0, right: 480, bottom: 256 };

const curve = fc
  .array(
    fc.record({ x: fc.integer({ min: 70, max: 470 }), y: fc.integer({ min: 10, max: 250 }) }),
    {
      minLength: 2,
      maxLength: 21,
    },
  )
  .map((points): Place[] => points.toSorted((a, b) => a.x - b.x));

const isClear = (box: Box, points: readonly Place[]): boolean =>
  points.every((point, index) => {
    const next = points[index + 1];
    return next === undefined || !crosses(point, next, box);
  });

test("no name that may be left out lies over the curve, a name or the edge", () => {
  fc.assert(
    fc.property(curve, (points) => {
      const labels = points.map((at) => ({ at, width: 40, isNeeded: false }));
      const boxes = placeLabels(labels, points, AREA).filter((box) => box !== undefined);
      for (const [index, box] of boxes.entries()) {
        assert.ok(isClear(box, points), JSON.stringify({ box, points }));
        assert.ok(box.left >= AREA.left && box.right <= AREA.right);
        assert.ok(box.top >= AREA.top && box.bottom <= AREA.bottom);
        assert.ok(boxes.slice(index + 1).every((other) => !overlap(box, other)));
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("a needed name always has a place, and on a smooth curve a free one", () => {
  // The curve of the picture in the README: from the base down to a corner, then up to the fine-tune.
  const points = [...Array(21).keys()].map((step) => {
    const t = step / 20;
    return { x: 440 - 350 * t ** 0.5, y: 20 + 220 * (1 - (2 * t - 1) ** 2) };
  });
  const labels = points.map((at, index) => ({ at, width: 40, isNeeded: index % 20 === 0 }));
  const boxes = placeLabels(labels, points, AREA);
  assert.ok(boxes[0] && boxes[20]);
  assert.ok(boxes.filter((box) => box !== undefined).length >= 8);
  assert.ok(isClear(boxes[0], points) && isClear(boxes[20], points));
});

test("a line through a box crosses it, one beside it does not", () => {
  const box = { left: 0, top: 0, right: 10, bottom: 10 };
  assert.ok(crosses({ x: -5, y: 5 }, { x: 15, y: 5 }, box));
  assert.ok(crosses({ x: 5, y: 5 }, { x: 6, y: 6 }, box));
  assert.ok(crosses({ x: -5, y: 5 }, { x: 5, y: -4 }, box));
  assert.ok(!crosses({ x: -5, y: 5 }, { x: 5, y: -6 }, box));
  assert.ok(!crosses({ x: 20, y: -5 }, { x: 20, y: 15 }, box));
  assert.deepEqual(grown(box, 2), { left: -2, top: -2, right: 12, bottom: 12 });
});
