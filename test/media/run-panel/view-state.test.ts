import assert from "node:assert/strict";
import test from "node:test";
import { restoreView } from "../../../media/run-panel/view-state.ts";

const DIR = "/runs/a";

test("what was kept comes back", () => {
  const kept = {
    runDir: DIR,
    smoothing: 0.9,
    logScale: true,
    xAxis: "time" as const,
    zoom: { min: 3, max: 8 },
    scrollY: 120,
  };
  assert.deepEqual(restoreView(structuredClone(kept), DIR), kept);
});

test("nothing kept, another run's state or nonsense give the defaults", () => {
  const defaults = restoreView(undefined, DIR);
  assert.equal(defaults.smoothing, 0.6);
  assert.equal(defaults.zoom, null);
  const odd = [
    null,
    "text",
    { runDir: "/runs/b", smoothing: 0.1, zoom: { min: 1, max: 2 } },
    { runDir: DIR, smoothing: 7, xAxis: "depth", zoom: { min: 5, max: 5 }, logScale: 1 },
    { runDir: DIR, smoothing: "x", zoom: [1, 2], scrollY: "far" },
  ];
  for (const saved of odd) assert.deepEqual(restoreView(saved, DIR), defaults);
});
