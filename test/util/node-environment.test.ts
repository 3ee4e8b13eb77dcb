import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeEnvironment } from "../../src/util/node-environment.ts";

const PLANTED = {
  VSCODE_INSPECTOR_OPTIONS: "{}",
  VSCODE_IPC_HOOK: "/x",
  NODE_OPTIONS: "--inspect",
  ELECTRON_RUN_AS_NODE: "0",
  ELECTRON_NO_ASAR: "1",
  NODE_TEST_CONTEXT: "child-v8",
  NODE_OPTIONS_OTHER: "kept",
  MY_VSCODE_: "kept",
  NODE_EXTRA_CA_CERTS: "kept",
  HF_HOME: "kept",
};

test("a child sees the user's variables, and none by which the editor, a debugger or a test runner would steer it", (t) => {
  const before = { ...process.env };
  t.after(() => {
    for (const name of Object.keys(PLANTED)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
  Object.assign(process.env, PLANTED);
  const given = nodeEnvironment();
  const names = Object.keys(PLANTED).filter((name) => name in given);
  assert.deepEqual(names, [
    "ELECTRON_RUN_AS_NODE",
    "NODE_OPTIONS_OTHER",
    "MY_VSCODE_",
    "NODE_EXTRA_CA_CERTS",
    "HF_HOME",
  ]);
  assert.equal(given["ELECTRON_RUN_AS_NODE"], "1");
  assert.equal(given["PATH"], before["PATH"]);
  assert.equal(process.env["NODE_OPTIONS"], PLANTED.NODE_OPTIONS, "our own is as it was");
});
