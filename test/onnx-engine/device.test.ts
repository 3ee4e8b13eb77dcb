/** Which device a wish comes to: as a table, and on the ONNX Runtime of this machine. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { CompileOptions } from "../../src/onnx-engine/runtime.ts";
import type { DeviceWish } from "../../src/protocol/engines/onnx.ts";
import { resolvedRecipeSchema } from "../../src/protocol/recipe.ts";
import { openDevice } from "../../src/onnx-engine/device-check.ts";
import {
  type Device,
  type InstalledRuntime,
  CPU,
  compileOnDevice,
  inspectRuntime,
  planDevice,
} from "../../src/onnx-engine/device.ts";
import { makeRun, readState, startTrainer, tinyWorkspace } from "../support/retune.ts";

const bundled = (...names: string[]) => names.map((name) => ({ name, bundled: true }));

/** What listSupportedBackends() of 1.30 says on Linux x64, and its bundled libraries elsewhere. */
const linux: InstalledRuntime = {
  platform: "linux-x64",
  version: "1.30.0",
  packageDir: "/p/onnxruntime-node",
  backends: [...bundled("cpu", "webgpu"), { name: "cuda", bundled: false }],
  hasCudaLibrary: false,
  hasInstallScript: true,
};
const linuxCuda = { ...linux, hasCudaLibrary: true };
const packaged = { ...linux, hasInstallScript: false };
const arm = { ...linux, platform: "linux-arm64", backends: bundled("cpu") };
const windows = { ...linux, platform: "win32-x64", backends: bundled("cpu", "dml", "webgpu") };
const mac = { ...linux, platform: "darwin-arm64", backends: bundled("cpu", "coreml", "webgpu") };

const table: [Exclude<DeviceWish, "openvino-gpu">, InstalledRuntime, string, RegExp?][] = [
  ["auto", linux, "cpu"],
  ["auto", linuxCuda, "cuda"],
  ["auto", windows, "cpu"],
  ["auto", mac, "cpu"],
  ["cpu", linuxCuda, "cpu"],
  ["cuda", linuxCuda, "cuda"],
  ["cuda", linux, "cpu", /^cuda is not installed: .*using cpu$/u],
  ["cuda", arm, "cpu", /not part of ONNX Runtime 1\.30\.0 for linux-arm64 .*on Linux x64/u],
  ["cuda", windows, "cpu", /for win32-x64 .*here: cpu, dml, webgpu/u],
  ["dml", windows, "dml"],
  ["dml", linux, "cpu", /dml works on Windows/u],
  ["coreml", mac, "coreml"],
  ["coreml", windows, "cpu", /coreml works on macOS/u],
  ["webgpu", linux, "webgpu"],
  ["webgpu", arm, "cpu", /webgpu is not part of/u],
];

for (const [wish, runtime, name, note] of table) {
  const cuda = runtime.hasCudaLibrary ? " with CUDA's library" : "";
  test(`${wish} on ${runtime.platform}${cuda} is ${name}`, () => {
    const device = planDevice(wish, runtime);
    assert.equal(device.name, name);
    if (note) assert.match(device.note ?? "", note);
    else assert.equal(device.note, undefined);
  });
}

test("missing CUDA names the command that installs it, of a checkout and of the packaged extension", () => {
  const ofCheckout = planDevice("cuda", linux).note ?? "";
  const script = path.join("/p/onnxruntime-node", "script/install.js");
  assert.ok(ofCheckout.includes(`node "${script}" --onnxruntime-node-install=cuda12`), ofCheckout);
  const ofPackage = planDevice("cuda", packaged).note ?? "";
  assert.ok(!ofPackage.includes(script), ofPackage);
  assert.match(
    ofPackage,
    /onnxruntime-node@1\.30\.0 && node retune-cuda\/.*install=cuda12 && cp /u,
  );
});

test("the install script is where the command says, and knows the flag", async () => {
  const runtime = await inspectRuntime();
  assert.ok(runtime.hasInstallScript);
  const script = path.join(runtime.packageDir, "script/install.js");
  assert.match(readFileSync(script, "utf8"), /--onnxruntime-node-install=cuda12/u);
  const { platform, packageDir } = runtime;
  assert.ok(existsSync(path.join(packageDir, "bin/napi-v6", ...platform.split("-"))));
  assert.ok(runtime.backends.some(({ name }) => name === "cpu"));
});

/** x[0] + x[1]. */
function sum(): Graph {
  const b = new GraphBuilder();
  const total = b.reduceSum(b.input("x", "float32", [2]), [0]);
  return b.build([total]);
}

const NOWHERE: CompileOptions = {
  weightsDir: ".",
  locate: (name) => assert.fail(`${name} is no weight`),
  threads: 1,
  prepack: false,
};

test("what fails on the device is compiled on the processor, and says why", async () => {
  const compile = () => Promise.reject(new Error("file.cc:1 init() ok was false. no\n driver"));
  const cuda: Device = { name: "cuda", precision: "float32", runtime: { ...CPU.runtime, compile } };
  const { session, device } = await compileOnDevice(cuda, sum(), NOWHERE);
  const [total] = Object.values(await session.run({ x: Float32Array.of(1, 2) }, {}));
  assert.deepEqual(total?.data, Float32Array.of(3));
  await session.dispose();
  assert.equal(device.name, "cpu");
  assert.match(device.note ?? "", /^cuda can't be used: no driver \(it needs an NVIDIA GPU/u);
});

test("what fails on the processor fails", async () => {
  const compile = () => Promise.reject(new Error("broken graph"));
  const device: Device = { ...CPU, runtime: { ...CPU.runtime, compile } };
  await assert.rejects(compileOnDevice(device, sum(), NOWHERE), /broken graph/u);
});

test("a device that ONNX Runtime can't start is replaced, after a real attempt", async (t) => {
  const here = await inspectRuntime();
  if (here.hasCudaLibrary) return t.skip("CUDA is installed here");
  // As if each were installed: ONNX Runtime then refuses it itself.
  for (const name of ["cuda", process.platform === "win32" ? "coreml" : "dml"] as const) {
    const backends = [...here.backends.filter((each) => each.name !== name), ...bundled(name)];
    const runtime = { ...here, backends };
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const device = await openDevice(name, { purpose: "training", log, runtime });
    assert.equal(device.name, "cpu");
    assert.deepEqual(lines, [device.note]);
    const reason = "(backend not found|Failed to load shared library)";
    assert.match(device.note ?? "", new RegExp(`^${name} can't be used: .*${reason}`, "u"));
  }
});

test("a run that wishes a missing device trains on the processor and records why", async (t) => {
  const { hasCudaLibrary } = await inspectRuntime();
  if (hasCudaLibrary) return t.skip("CUDA is installed here");
  const dir = tinyWorkspace(t);
  const runDir = await makeRun(dir, { device: "cuda", maxSteps: 2 });
  const { code, stderr } = await (await startTrainer(runDir)).finished;
  assert.equal(code, 0, stderr);
  const { status, step } = readState(runDir);
  assert.deepEqual({ status, step }, { status: "finished", step: 2 });
  const read = (file: string) => readFileSync(path.join(runDir, file), "utf8");
  const { device, usedDevice, usedMemory } = resolvedRecipeSchema.parse(
    JSON.parse(read("recipe.json")),
  );
  assert.equal(device, "cuda");
  assert.equal(usedDevice?.name, "cpu");
  assert.equal(usedMemory?.mode, "speed");
  assert.match(usedDevice?.note ?? "", /^cuda is not (installed|part of ONNX Runtime)/u);
  assert.ok(read("log.txt").includes(` ${usedDevice?.note}\n`));
});
