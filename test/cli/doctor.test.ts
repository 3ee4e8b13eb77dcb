import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { MachineFacts } from "../../src/cli/doctor-facts.ts";
import { doctorLines } from "../../src/cli/doctor-text.ts";
import { libraryNames } from "../support/openvino-files.ts";
import { retune } from "../support/retune.ts";
import { tempDir } from "../support/temp-dir.ts";

/** The environment of `retune` for this test: it inherits it. */
function setEnvironment(context: TestContext, values: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  Object.assign(process.env, values);
  context.after(() => {
    for (const name of Object.keys(values)) delete process.env[name];
    Object.assign(process.env, before);
  });
}

const isLinux = process.platform === "linux";

test(
  "doctor tells of this machine, and names the runtime in the cache",
  { skip: !isLinux },
  async (context) => {
    const cache = tempDir(context);
    const dir = path.join(cache, "openvino/2026.4.1");
    mkdirSync(dir, { recursive: true });
    for (const name of libraryNames("linux", "2641").all) writeFileSync(path.join(dir, name), "x");
    setEnvironment(context, { RETUNE_CACHE: cache, RETUNE_OPENVINO: path.join(cache, "none") });
    const { code, stdout } = await retune("doctor", "--json");
    assert.equal(code, 0);
    const facts = JSON.parse(stdout) as MachineFacts;
    assert.equal(facts.openvino.found?.dir, dir);
    assert.equal(facts.openvino.found?.source, "cache");
    assert.match(facts.openvino.passedOver.join(), /none: no OpenVINO here/u);
    assert.ok(facts.cache.openvino.bytes > 5);
    assert.equal(facts.onnxruntime.devices[0]?.name, "cpu");
    assert.ok(facts.memory.availableBytes > 0 && facts.processor.threads > 0);
    const text = await retune("doctor");
    assert.match(
      text.stdout,
      /^openvino +2026\.4\.1, installed by retune, with the GPU plugin: /mu,
    );
    const installed = await retune("install", "openvino");
    assert.equal(installed.code, 0);
    assert.equal(
      installed.stdout.trim(),
      `OpenVINO 2026.4.1 is on this machine: ${dir} (installed by retune); nothing was fetched`,
    );
  },
);

test(
  "a wheel that is none, and a runtime that retune does not know, are one line",
  { skip: !isLinux },
  async (context) => {
    const cache = tempDir(context);
    setEnvironment(context, { RETUNE_CACHE: cache, RETUNE_OPENVINO: "" });
    const wheel = path.join(cache, "openvino.whl");
    writeFileSync(wheel, "no zip");
    const bad = await retune("install", "openvino", "--wheel", wheel);
    assert.equal(bad.code, 2);
    assert.equal(bad.stderr, `${wheel} can't be read: it is no zip file\n`);
    const absent = await retune("install", "openvino", "--wheel", path.join(cache, "absent.whl"));
    assert.match(absent.stderr, /absent\.whl does not exist\n$/u);
    const unknown = await retune("install", "tensorrt");
    assert.equal(unknown.code, 2);
    assert.equal(unknown.stderr, 'retune install knows openvino, found "tensorrt"\n');
  },
);

const FACTS: MachineFacts = {
  retune: { version: "1.0.0", node: "v22.0.0", platform: "linux-x64" },
  processor: { model: "Xeon", threads: 2, bfloat16: "yes", units: ["amx_bf16", "avx512_bf16"] },
  memory: { totalBytes: 24e9, availableBytes: 20e9 },
  onnxruntime: {
    version: "1.30.0",
    auto: "cpu",
    devices: [{ name: "cpu" }, { name: "cuda", note: "no" }],
  },
  openvino: {
    passedOver: ["/usr/lib: OpenVINO 2025.4.0 is passed over, only 2026.4 was tested"],
    offer: { fetchedBytes: 59e6, installedBytes: 93e6 },
  },
  cache: {
    compiled: { dir: "/c/compiled", bytes: 0 },
    gguf: { dir: "/c/gguf", bytes: 1e9 },
    openvino: { dir: "/c/openvino", bytes: 0 },
    quantised: { dir: "/c/quantised", bytes: 0 },
    tokens: { dir: "/c/tokens", bytes: 2e6 },
  },
};

test("the lines say what there is, what is gained and the command that gets it", () => {
  assert.deepEqual(doctorLines(FACTS), [
    "retune       1.0.0, Node v22.0.0, linux-x64",
    "processor    Xeon, 2 threads, bfloat16 by amx_bf16, avx512_bf16",
    "memory       20 GB free of 24 GB",
    'onnxruntime  1.30.0, devices: cpu (tried before use); not here: cuda; "auto" takes cpu',
    "openvino     not found",
    "             /usr/lib: OpenVINO 2025.4.0 is passed over, only 2026.4 was tested",
    "cache        /c: compiled 0 B, gguf 1 GB, openvino 0 B, quantised 0 B, tokens 2 MB",
    "",
    "bfloat16     a training step takes 0.35 to 0.45 of float32's time (measured on another processor with amx_bf16); get it: retune install openvino (59 MB to fetch, 93 MB on disk)",
  ]);
});

test("no gain is promised where there is none, and no command where it can't work", () => {
  const last = (change: Partial<MachineFacts>) => doctorLines({ ...FACTS, ...change }).at(-1) ?? "";
  const processor = { ...FACTS.processor, units: [] };
  assert.match(
    last({ processor: { ...processor, bfloat16: "no" } }),
    /no units for it: OpenVINO would gain nothing here$/u,
  );
  assert.match(
    last({ processor: { ...processor, bfloat16: "unknown" } }),
    /if this processor has the units, /u,
  );
  const openvino = { passedOver: [], offer: { problem: "OpenVINO has no wheel for darwin-x64" } };
  assert.match(last({ openvino }), /, but OpenVINO has no wheel for darwin-x64$/u);
  assert.match(
    last({ retune: { ...FACTS.retune, platform: "darwin-arm64" } }),
    /untried on ARM; get it/u,
  );
});
