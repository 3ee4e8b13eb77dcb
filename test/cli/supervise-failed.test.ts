import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { bundleSource } from "../support/retune.ts";

test("a worker that can't be started is told in one line", async () => {
  const bundle = JSON.stringify(await bundleSource("cli.ts"));
  const script = `
    process.execPath = "/nowhere/node";
    process.argv = ["node", ${bundle}, "train", "x.retune.json"];
    require(${bundle});`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^the process that does the work can't be watched: spawn \/nowhere\/node ENOENT\n$/,
  );
});
