import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { locateOpenvino } from "../../src/openvino/locate.ts";
import type { Machine } from "../../src/openvino/machine.ts";
import { libraryNames, versionResource } from "../support/openvino-files.ts";
import { tempDir } from "../support/temp-dir.ts";

/** An empty machine whose folders all lie in a temporary one. */
function emptyMachine(context: TestContext, platform: NodeJS.Platform = "linux") {
  const root = tempDir(context);
  const env: Record<string, string> = {};
  const machine: Machine = { platform, arch: "x64", env, home: path.join(root, "home"), root };
  const lines: string[] = [];
  const cacheDir = path.join(root, "cache", "openvino");
  const at = (...parts: string[]) => path.join(root, ...parts);
  return {
    env,
    lines,
    at,
    put: async (dir: string, names: readonly string[], content: string | Buffer = "") => {
      await mkdir(at(dir), { recursive: true });
      for (const name of names) await writeFile(at(dir, name), content);
    },
    locate: (folder?: string) =>
      locateOpenvino({ machine, cacheDir, folder, log: (line) => lines.push(line) }),
  };
}

const LINUX = libraryNames("linux", "2641");
const SITE = "lib/python3.12/site-packages";

test("an empty machine has none, without a word", async (context) => {
  const { locate, lines } = emptyMachine(context);
  assert.equal(await locate(), undefined);
  assert.deepEqual(lines, []);
});

test("the named folder, the cache, Python and the system are tried in this order", async (context) => {
  const { locate, put, at, env } = emptyMachine(context);
  await put("usr/lib/x86_64-linux-gnu", [
    LINUX.core,
    LINUX.c,
    LINUX.onnx,
    LINUX.ir,
    "libtbb.so.12",
  ]);
  await put("usr/lib/x86_64-linux-gnu/openvino-2026.4.1", [LINUX.cpu, LINUX.gpu]);
  const system = await locate();
  assert.equal(system?.source, "system");
  assert.equal(system?.version, "2026.4.1");
  const plugins = at("usr/lib/x86_64-linux-gnu/openvino-2026.4.1");
  assert.equal(system?.libraries.cpuPlugin, path.join(plugins, LINUX.cpu));
  assert.equal(system?.libraries.gpuPlugin, path.join(plugins, LINUX.gpu));

  env["VIRTUAL_ENV"] = at("venv");
  await put(`venv/${SITE}/openvino/libs`, LINUX.all);
  const python = await locate();
  assert.equal(python?.source, "python");
  const dir = at(`venv/${SITE}/openvino/libs`);
  assert.deepEqual(python?.libraries, {
    core: path.join(dir, "libopenvino.so.2641"),
    c: path.join(dir, "libopenvino_c.so.2641"),
    onnxFrontend: path.join(dir, "libopenvino_onnx_frontend.so.2641"),
    irFrontend: path.join(dir, "libopenvino_ir_frontend.so.2641"),
    cpuPlugin: path.join(dir, "libopenvino_intel_cpu_plugin.so"),
    gpuPlugin: path.join(dir, "libopenvino_intel_gpu_plugin.so"),
    dependencies: [
      "libhwloc.so.15",
      "libtbb.so.12",
      "libtbbbind_2_5.so.3",
      "libtbbmalloc.so.2",
    ].map((name) => path.join(dir, name)),
  });

  await put("cache/openvino/2026.4.1", LINUX.all);
  await put("cache/openvino/2026.4.2.123-abc.tmp", LINUX.all);
  assert.equal((await locate())?.dir, at("cache/openvino/2026.4.1"));

  env["RETUNE_OPENVINO"] = at("mine");
  await put(
    "mine/runtime/lib/intel64",
    LINUX.all.filter((name) => !name.startsWith("libtbb")),
  );
  await put("mine/runtime/3rdparty/tbb/lib", ["libtbb.so.12"]);
  const named = await locate();
  assert.equal(named?.source, "named");
  assert.equal(named?.dir, at("mine/runtime/lib/intel64"));
  assert.ok(
    named?.libraries.dependencies.includes(at("mine/runtime/3rdparty/tbb/lib/libtbb.so.12")),
  );
  for (const folder of ["venv", `venv/${SITE}`, `venv/${SITE}/openvino`, dir]) {
    assert.equal((await locate(path.resolve(at(), folder)))?.dir, dir);
  }
});

test("a machine that says off has none, whatever is installed", async (context) => {
  const { locate, put, at, env, lines } = emptyMachine(context);
  await put("cache/openvino/2026.4.1", LINUX.all);
  env["RETUNE_OPENVINO"] = "off";
  assert.equal(await locate(), undefined);
  assert.deepEqual(lines, ['RETUNE_OPENVINO is "off": no OpenVINO is looked for']);
  assert.equal((await locate(at()))?.dir, at("cache/openvino/2026.4.1"));
});

test("an interpreter on PATH leads to its packages, by a link and by a stub of pyenv", async (context) => {
  const { locate, put, at, env } = emptyMachine(context);
  await put("opt/python/bin", ["python3.11"]);
  await put("opt/python/lib/python3.11/site-packages/openvino/libs", LINUX.all);
  await mkdir(at("bin"));
  await symlink(at("opt/python/bin/python3.11"), at("bin/python3"));
  env["PATH"] = [at("bin"), "relative", ""].join(":");
  assert.equal((await locate())?.dir, at("opt/python/lib/python3.11/site-packages/openvino/libs"));

  await rm(at("opt"), { recursive: true });
  await rm(at("bin"), { recursive: true });
  await put("home/.pyenv/shims", ["python3"]);
  for (const version of ["3.11.7", "3.12.1"]) {
    const minor = version.slice(0, 4);
    await put(
      `home/.pyenv/versions/${version}/lib/python${minor}/site-packages/openvino/libs`,
      LINUX.all,
    );
  }
  env["PATH"] = at("home/.pyenv/shims");
  assert.match((await locate())?.dir ?? "", /3\.12\.1/u);
  env["PYENV_VERSION"] = "3.11.7";
  assert.match((await locate())?.dir ?? "", /3\.11\.7/u);
});

test("another version is passed over with one line, and so is one that lacks a part", async (context) => {
  const { locate, put, at, lines } = emptyMachine(context);
  const old = libraryNames("linux", "2540");
  await put("usr/local/lib", [...old.all, LINUX.core, LINUX.c, LINUX.cpu]);
  assert.equal(await locate(), undefined);
  assert.deepEqual(lines, [
    `${at("usr/local/lib")}: OpenVINO 2025.4.0 is passed over, only 2026.4 was tested`,
    `${at("usr/local/lib")}: OpenVINO 2026.4.1 is passed over, it has no openvino_onnx_frontend, openvino_ir_frontend`,
  ]);
});

test("two versions in one folder are told apart", async (context) => {
  const { locate, put, at } = emptyMachine(context);
  const links = LINUX.all.map((name) => name.replace(/\.2641$/u, ""));
  await put("usr/lib", [...libraryNames("linux", "2700").all, ...LINUX.all, ...links]);
  const found = await locate();
  assert.equal(found?.version, "2026.4.1");
  assert.equal(found?.libraries.c, at("usr/lib/libopenvino_c.so.2641"));
});

test("a named folder without a runtime says what it should hold, and the search goes on", async (context) => {
  const { locate, put, at, lines } = emptyMachine(context);
  await put("cache/openvino/2026.4.1", LINUX.all);
  assert.equal((await locate(at("nothing")))?.source, "cache");
  assert.deepEqual(lines, [
    `${at("nothing")}: no OpenVINO here; RETUNE_OPENVINO and retune.openvinoFolder name the folder with libopenvino, or openvino.dll`,
  ]);
});

test("on Windows the version is the wheel's, or the library's own", async (context) => {
  const { locate, put, at, env, lines } = emptyMachine(context, "win32");
  const names = libraryNames("win32");
  env["ProgramFiles"] = at("Program Files");
  const bin = "Program Files/Intel/openvino_2026/runtime/bin/intel64/Release";
  await put(bin, names.all, versionResource(2026, 4, 1, 22_982));
  const system = await locate();
  assert.equal(system?.version, "2026.4.1");
  assert.equal(system?.libraries.c, at(bin, "openvino_c.dll"));
  await put(bin, names.all, "no resource");
  assert.equal(await locate(), undefined);
  assert.match(lines[0] ?? "", /OpenVINO of an unknown version is passed over/u);

  await put("Python312", ["python.exe"]);
  env["Path"] = at("Python312");
  await put("Python312/Lib/site-packages/openvino/libs", names.all);
  await mkdir(at("Python312/Lib/site-packages/openvino-2026.4.0.dist-info"));
  assert.equal((await locate())?.version, "2026.4.0");
});

test("macOS has the version before the suffix", async (context) => {
  const { locate, put, at } = emptyMachine(context, "darwin");
  const names = libraryNames("darwin", "2641");
  await put("opt/homebrew/lib", names.all);
  const found = await locate();
  assert.equal(found?.version, "2026.4.1");
  assert.equal(found?.libraries.cpuPlugin, at("opt/homebrew/lib/libopenvino_arm_cpu_plugin.so"));
  assert.equal(found?.libraries.core, at("opt/homebrew/lib/libopenvino.2641.dylib"));
});
