import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  interpolate,
  lowerBound,
  nearestIndex,
  selectRows,
} from "../../../media/run-panel/downsample.ts";

const ramp = (n: number) => Float64Array.from({ length: n }, (_, i) => i);

test("few rows are all kept", () => {
  const x = ramp(5);
  assert.deepEqual(selectRows(x, [x], { min: 0, max: 4 }, 100), [0, 1, 2, 3, 4]);
});

test("every bucket keeps the lowest and the highest value, so a spike is never lost", () => {
  const x = ramp(100_000);
  const values = new Float64Array(100_000).fill(1);
  values[54_321] = 99;
  values[54_322] = -99;
  const rows = selectRows(x, [values], { min: 0, max: 99_999 }, 500);
  assert.ok(rows.includes(54_321) && rows.includes(54_322));
  assert.ok(rows.length <= 1002, `${rows.length} rows for 500 buckets`);
});

test("the extremes of what is drawn are those of all rows in the window", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 50, maxLength: 400 }),
      fc.integer({ min: 2, max: 12 }),
      (numbers, buckets) => {
        const values = Float64Array.from(numbers);
        const x = ramp(values.length);
        const window = { min: 10, max: values.length - 10 };
        const drawn = selectRows(x, [values], window, buckets).filter(
          (row) => row >= window.min && row <= window.max,
        );
        const inside = values.slice(window.min, window.max + 1);
        assert.equal(Math.max(...drawn.map((row) => values[row]!)), Math.max(...inside));
        assert.equal(Math.min(...drawn.map((row) => values[row]!)), Math.min(...inside));
      },
    ),
  );
});

test("rows ascend and none comes twice", () => {
  const x = ramp(5000);
  const noise = x.map((i) => Math.sin(i * 12.9898) * 43758.5453);
  const rows = selectRows(x, [noise, x], { min: 100, max: 4800 }, 50);
  assert.ok(rows.every((row, index) => index === 0 || row > rows[index - 1]!));
});

test("a sparse series keeps its neighbours outside the window, so that its line crosses it", () => {
  const x = ramp(100);
  const sparse = x.map((i) => (i % 40 === 0 ? i : NaN));
  const rows = selectRows(x, [x, sparse], { min: 50, max: 60 }, 100);
  assert.deepEqual(rows, [40, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 80]);
});

test("a run without rows draws nothing", () => {
  const none = new Float64Array();
  assert.deepEqual(selectRows(none, [none], { min: 0, max: 1 }, 10), []);
  assert.equal(nearestIndex(none, 3), -1);
});

test("finds rows by their x", () => {
  const x = Float64Array.of(0, 10, 20);
  assert.equal(lowerBound(x, 10), 1);
  assert.equal(lowerBound(x, 21), 3);
  assert.equal(nearestIndex(x, 14), 1);
  assert.equal(nearestIndex(x, 16), 2);
  assert.equal(nearestIndex(x, -5), 0);
});

test("a zoom in steps becomes the same zoom in seconds and back", () => {
  const steps = Float64Array.of(0, 10, 20);
  const seconds = Float64Array.of(0, 5, 30);
  assert.equal(interpolate(steps, seconds, 15), 17.5);
  assert.equal(interpolate(seconds, steps, 17.5), 15);
  assert.equal(interpolate(steps, seconds, 99), 30);
  assert.equal(interpolate(steps, seconds, -1), 0);
});
