/** Names of OpenVINO's libraries as wheels of 2026.4 have them (unzip -l), for folders made in tests. */

interface Names {
  core: string;
  c: string;
  onnx: string;
  ir: string;
  cpu: string;
  gpu: string;
  /** Every file of openvino/libs that matters, and some that don't. */
  all: readonly string[];
}

const STEMS = {
  core: "openvino",
  c: "openvino_c",
  onnx: "openvino_onnx_frontend",
  ir: "openvino_ir_frontend",
} as const;

const DEPENDENCIES = {
  linux: ["libhwloc.so.15", "libtbb.so.12", "libtbbbind_2_5.so.3", "libtbbmalloc.so.2"],
  darwin: ["libhwloc.dylib", "libtbb.12.dylib", "libtbbbind_2_5.3.dylib", "libtbbmalloc.2.dylib"],
  win32: ["tbb12.dll", "tbbbind_2_5.dll", "tbbmalloc.dll"],
} as const;
const OTHERS = ["cache.json", "tbb.pc", "openvino.lib", "tbb12_debug.dll"];

export function libraryNames(platform: "linux" | "darwin" | "win32", digits = ""): Names {
  const library = (stem: string): string =>
    ({
      linux: `lib${stem}.so.${digits}`,
      darwin: `lib${stem}.${digits}.dylib`,
      win32: `${stem}.dll`,
    })[platform];
  const plugin = (stem: string): string => (platform === "win32" ? `${stem}.dll` : `lib${stem}.so`);
  const names = {
    core: library(STEMS.core),
    c: library(STEMS.c),
    onnx: library(STEMS.onnx),
    ir: library(STEMS.ir),
    cpu: plugin(platform === "darwin" ? "openvino_arm_cpu_plugin" : "openvino_intel_cpu_plugin"),
    gpu: plugin("openvino_intel_gpu_plugin"),
  };
  const unused = [library("openvino_pytorch_frontend"), plugin("openvino_auto_plugin")];
  const all = [...Object.values(names), ...DEPENDENCIES[platform], ...unused, ...OTHERS];
  return { ...names, all };
}

/** A Windows library's bytes as far as its version goes: VS_FIXEDFILEINFO, after and before something else. */
export function versionResource(...version: [number, number, number, number]): Buffer {
  const info = Buffer.alloc(52);
  info.writeUInt32LE(0xfe_ef_04_bd, 0);
  info.writeUInt32LE(0x1_00_00, 4);
  for (const [at, offset] of [10, 8, 14, 12].entries())
    info.writeUInt16LE(version[at] ?? 0, offset);
  return Buffer.concat([Buffer.from("MZ something"), info, Buffer.alloc(9)]);
}
