import assert from "node:assert/strict";
import { test } from "node:test";
import { fromLabSchema, savedLabSchema } from "../../src/protocol/lab-messages.ts";

test("the page may say that it is ready, that a button was pressed, and which mix to save", () => {
  const actions = ["stop", "continue", "showLog", "exportCsv", "exportJson"];
  const said = [
    { type: "ready" },
    ...actions.map((action) => ({ type: "action", action })),
    ...[0, 0.35, 1].map((alpha) => ({ type: "save", alpha })),
  ];
  for (const message of said) assert.deepEqual(fromLabSchema.parse(message), message);
});

test("whatever else comes from the page is refused", () => {
  const others = [
    [undefined, null, "ready", [[]], {}],
    [{ type: "ready", more: 1 }, { type: "action" }, { type: "action", action: "delete" }],
    [{ type: "save" }, { type: "save", alpha: 1.5 }, { type: "save", alpha: -0.1 }],
    [{ type: "save", alpha: "0.5" }, { type: "save", alpha: Number.NaN }, { type: "log" }],
  ].flat();
  for (const message of others) {
    assert.equal(fromLabSchema.safeParse(message).success, false, JSON.stringify(message));
  }
});

test("a tab from when interpolations were called sweeps opens again", () => {
  const saved = { interpolationDir: "/w/.retune/interpolations/a" };
  assert.deepEqual(savedLabSchema.parse(saved), saved);
  const old = { sweepDir: "/w/.retune/sweeps/a" };
  assert.deepEqual(savedLabSchema.parse(old), { interpolationDir: old.sweepDir });
  for (const other of [{}, { interpolationDir: "" }, { sweepDir: "" }, { runDir: "/a" }, null]) {
    assert.equal(savedLabSchema.safeParse(other).success, false, JSON.stringify(other));
  }
});
