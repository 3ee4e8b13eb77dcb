/**
 * Which of ONNX Runtime's execution providers a graph runs on: from what the recipe wishes and what
 * is really there. Nothing is downloaded, copied or loaded here: what is missing is named, with the
 * command that installs it.
 */
import { createRequire } from "node:module";
import path from "node:path";
import { env, listSupportedBackends } from "onnxruntime-node";
import type { Graph } from "../graph/graph.ts";
import type { DeviceName, DeviceWish, Precision, UsedDevice } from "../protocol/engines/onnx.ts";
import { InternalError, errorMessage } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { ortRuntime } from "./ort-session.ts";
import type { CompileOptions, CompiledGraph, Runtime } from "./runtime.ts";

export interface Device extends UsedDevice {
  precision: Precision;
  runtime: Runtime;
}

export const CPU: Device = { name: "cpu", precision: "float32", runtime: ortRuntime(["cpu"]) };

/** ONNX Runtime as it is installed here. */
export interface InstalledRuntime {
  /** Node's platform and architecture: "linux-x64". */
  platform: string;
  version: string;
  /** Folder of the package onnxruntime-node. */
  packageDir: string;
  /** `bundled`: comes with the package; else it needs a library beside the binary. */
  backends: readonly { name: string; bundled: boolean }[];
  hasCudaLibrary: boolean;
  /** A checkout has it; the packaged extension carries the binaries alone. */
  hasInstallScript: boolean;
}

/** ONNX Runtime opens the second on its way to the first. */
const CUDA_LIBRARIES = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];
const INSTALL_SCRIPT = "script/install.js";
const CUDA_FLAG = "--onnxruntime-node-install=cuda12";

const HOMES: Readonly<Record<DeviceName, string>> = {
  cpu: "everywhere",
  "openvino-gpu": "on Linux and Windows",
  cuda: "on Linux x64",
  dml: "on Windows",
  coreml: "on macOS",
  webgpu: "on Windows, macOS and Linux x64",
};

const NEEDS: Readonly<Record<DeviceName, string>> = {
  cpu: "nothing",
  "openvino-gpu": "an Intel GPU with its driver, and OpenVINO (retune install openvino --gpu)",
  cuda: "an NVIDIA GPU with its driver, and CUDA 12 and cuDNN 9 where the loader finds them (LD_LIBRARY_PATH)",
  dml: "a GPU with DirectX 12",
  coreml: "macOS 10.15 or newer",
  webgpu: "a GPU driver with Vulkan (Linux), Direct3D 12 (Windows) or Metal (macOS)",
};

/**
 * `auto` takes CUDA where its library is installed, else the processor, and never the others:
 *
 * - webgpu (tried, 1.30, Linux): logits, loss and generation are right; gradients are not. Its
 *   SimplifiedLayerNormalization writes the mean where the processor's writes 1/σ, which the
 *   backward pass reads. FusedMatMul runs on the processor, with a copy each way.
 * - dml, coreml (not tried): they lack some of the com.microsoft operators that our graphs are
 *   lowered to, so that nodes go back and forth between device and processor one by one.
 *
 * Asked for by name they are tried, and used if they pass the check of device-check.ts.
 */
export function planDevice(
  wish: Exclude<DeviceWish, "openvino-gpu">,
  runtime: InstalledRuntime,
): Device {
  if (wish === "cpu") return CPU;
  if (wish === "auto") return missing("cuda", runtime) === undefined ? deviceOf("cuda") : CPU;
  const note = missing(wish, runtime);
  return note === undefined ? deviceOf(wish) : fallBack(note);
}

/**
 * ONNX Runtime itself adds the processor for the nodes that a device can't run; named here, it would replace a device
 * that is missing, without a word.
 */
function deviceOf(name: DeviceName): Device {
  return { name, precision: "float32", runtime: ortRuntime([name]) };
}

/** The processor in place of what was wished, and why. */
export function fallBack(note: string, instead = "cpu"): Device {
  return { ...CPU, note: `${note}; using ${instead}` };
}

/** A device that is installed, but fails when it is used. */
export function fallBackAfter(
  { name, precision }: Pick<Device, "name" | "precision">,
  error: unknown,
): Device {
  // ONNX Runtime's own checks begin with file, function and condition: "… was false. REASON".
  const reason = errorMessage(error)
    .trim()
    .replaceAll(/\s+/gu, " ")
    .replace(/^.* was false\. /u, "");
  if (precision === "bfloat16" && name === "cpu") {
    return fallBack(`bfloat16 can't be used: ${reason}`, "float32");
  }
  return fallBack(`${name} can't be used: ${reason} (it needs ${NEEDS[name]})`);
}

function missing(
  name: Exclude<DeviceName, "cpu" | "openvino-gpu">,
  runtime: InstalledRuntime,
): string | undefined {
  const { platform, version, backends, hasCudaLibrary } = runtime;
  const backend = backends.find((each) => each.name === name);
  if (!backend) {
    const offered = backends.filter(({ bundled }) => bundled).map((each) => each.name);
    return `${name} is not part of ONNX Runtime ${version} for ${platform} (${name} works ${HOMES[name]}; here: ${offered.join(", ")})`;
  }
  if (backend.bundled || (name === "cuda" && hasCudaLibrary)) return undefined;
  return `${name} is not installed: ${CUDA_LIBRARIES.join(" and ")} are not both in ${binaryDir(runtime)}. It needs ${NEEDS[name]}; then install them: ${installCommand(runtime)}`;
}

function binaryDir({ packageDir, platform }: Pick<InstalledRuntime, "packageDir" | "platform">) {
  return path.join(packageDir, "bin/napi-v6", ...platform.split("-"));
}

/** onnxruntime-node's own script downloads the libraries; its header documents the flag. */
function installCommand(runtime: InstalledRuntime): string {
  const { packageDir, version, hasInstallScript } = runtime;
  if (hasInstallScript) return `node "${path.join(packageDir, INSTALL_SCRIPT)}" ${CUDA_FLAG}`;
  const copy = "retune-cuda/node_modules/onnxruntime-node";
  return [
    `npm install --ignore-scripts --prefix retune-cuda onnxruntime-node@${version}`,
    `node ${copy}/${INSTALL_SCRIPT} ${CUDA_FLAG}`,
    `cp ${copy}/bin/napi-v6/linux/x64/libonnxruntime_providers_*.so "${binaryDir(runtime)}"`,
  ].join(" && ");
}

/** The package whose binary this process has loaded, wherever it was found. */
function runtimePackage(): string {
  const loaded = Object.keys(createRequire(process.execPath).cache);
  const binding = loaded.find((file) => path.basename(file) === "onnxruntime_binding.node");
  if (binding === undefined) throw new InternalError("onnxruntime_binding.node is not loaded");
  return path.resolve(path.dirname(binding), "../../../..");
}

export async function inspectRuntime(): Promise<InstalledRuntime> {
  const packageDir = runtimePackage();
  const platform = `${process.platform}-${process.arch}`;
  const libraries = CUDA_LIBRARIES.map((name) =>
    path.join(binaryDir({ packageDir, platform }), name),
  );
  const found = await Promise.all(libraries.map(pathExists));
  return {
    platform,
    version: env.versions.node ?? "unknown",
    packageDir,
    backends: listSupportedBackends(),
    hasCudaLibrary: found.every(Boolean),
    hasInstallScript: await pathExists(path.join(packageDir, INSTALL_SCRIPT)),
  };
}

/**
 * Compiles a graph on a device, or on the processor in float32 when the device fails at it: no driver, an operation it
 * does not know, too little memory.
 */
export async function compileOnDevice(
  device: Device,
  graph: Graph,
  options: CompileOptions,
): Promise<{ session: CompiledGraph; device: Device }> {
  try {
    return { session: await device.runtime.compile(graph, options), device };
  } catch (error) {
    if (isPlain(device)) throw error;
    const session = await CPU.runtime.compile(graph, options);
    return { session, device: fallBackAfter(device, error) };
  }
}

/** As a log names it. */
export function describe({ name, precision, runtime }: Device): string {
  const of = precision === "float32" ? "" : ` in ${precision}`;
  return name === "cpu" && of === "" ? name : `${name}${of} (${runtime.description})`;
}

/** The processor in float32: nothing is left to fall back to. */
export function isPlain({ name, precision }: Pick<Device, "name" | "precision">): boolean {
  return name === CPU.name && precision === CPU.precision;
}
