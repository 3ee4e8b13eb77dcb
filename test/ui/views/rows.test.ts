import assert from "node:assert/strict";
import { test } from "node:test";
import { asRow } from "../../../src/ui/views/rows.ts";

test("a row of a tree comes back as itself", () => {
  const row = { kind: "adapterGroup", base: "", adapters: [] };
  assert.equal(asRow(row), row);
});

test("what else a command may be given is no row: nothing, a path, a file of the Explorer", () => {
  const uri = { scheme: "file", path: "/w/first.retune.json" };
  for (const argument of [undefined, null, "/runs/a", 3, uri, [], () => undefined]) {
    assert.equal(asRow(argument), undefined);
  }
});
