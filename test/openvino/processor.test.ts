import assert from "node:assert/strict";
import { test } from "node:test";
import { processorUnits } from "../../src/openvino/processor.ts";

/** As Linux writes /proc/cpuinfo, a block a core. */
const cpuinfo =
  (...cores: string[]) =>
  async () =>
    cores.map((line, at) => `processor\t: ${at}\nmodel name\t: X\n${line}\n`).join("\n");

const linux = async (arch: string, ...cores: string[]) => {
  const { bfloat16, units } = await processorUnits({
    platform: "linux",
    arch,
    readCpuinfo: cpuinfo(...cores),
  });
  return [bfloat16, ...units];
};

test("Intel's and AMD's units are named, and half a name is none", async () => {
  const amx = "flags\t\t: fpu sse2 avx512_bf16 amx_bf16 amx_tile";
  assert.deepEqual(await linux("x64", amx, amx), ["yes", "amx_bf16", "avx512_bf16"]);
  assert.deepEqual(await linux("x64", "flags\t\t: fpu avx512_bf16"), ["yes", "avx512_bf16"]);
  assert.deepEqual(await linux("x64", "flags\t\t: fpu avx512f avx512_bf16x bf16"), ["no"]);
});

test("a unit that only some cores have is none: a thread may run on the others", async () => {
  const big = "Features\t: fp asimd i8mm bf16";
  const little = "Features\t: fp asimd";
  assert.deepEqual(await linux("arm64", big, big), ["yes", "bf16"]);
  assert.deepEqual(await linux("arm64", big, little), ["no"]);
});

test("macOS tells by sysctl, Windows not before a runtime does", async () => {
  const mac = async (readSysctl: () => Promise<string>, arch = "arm64") =>
    (await processorUnits({ platform: "darwin", arch, readSysctl })).bfloat16;
  assert.equal(await mac(async () => "1\n"), "yes");
  assert.equal(await mac(async () => "0\n"), "no");
  assert.equal(await mac(() => Promise.reject(new Error("unknown oid"))), "no");
  assert.equal(await mac(async () => "1\n", "x64"), "no");
  const windows = { platform: "win32", arch: "x64" } as const;
  assert.equal((await processorUnits(windows)).bfloat16, "unknown");
  const told = (capabilities: string[]) => processorUnits({ ...windows, capabilities });
  assert.equal((await told(["FP32", "BF16", "INT8"])).bfloat16, "yes");
  assert.equal((await told(["FP32", "INT8"])).bfloat16, "no");
});

test("a /proc that is closed leaves it unknown", async () => {
  const readCpuinfo = () => Promise.reject(new Error("EACCES"));
  const { bfloat16 } = await processorUnits({ platform: "linux", arch: "x64", readCpuinfo });
  assert.equal(bfloat16, "unknown");
});
