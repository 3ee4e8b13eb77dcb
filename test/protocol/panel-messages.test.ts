import assert from "node:assert/strict";
import test from "node:test";
import { fromPanelSchema, savedPanelSchema } from "../../src/protocol/panel-messages.ts";

test("what the page may say is accepted", () => {
  for (const message of [{ type: "ready" }, { type: "action", action: "stop" }]) {
    assert.deepEqual(fromPanelSchema.parse(message), message);
  }
});

test("anything else is refused", () => {
  const refused = [
    undefined,
    "ready",
    { type: "action" },
    { type: "action", action: "workbench.action.quit" },
    { type: "ready", runDir: "/elsewhere" },
    { type: "eval", code: "1" },
  ];
  for (const message of refused) assert.ok(!fromPanelSchema.safeParse(message).success);
});

test("a kept state without its run is no panel's", () => {
  assert.ok(savedPanelSchema.safeParse({ runDir: "/runs/a", zoom: null }).success);
  for (const saved of [undefined, {}, { runDir: "" }]) {
    assert.ok(!savedPanelSchema.safeParse(saved).success);
  }
});
