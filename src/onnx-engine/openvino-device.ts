/** Whether OpenVINO can compute here, on the processor in bfloat16 or on an Intel GPU, or what is missing. */
import { OpenvinoCore } from "../openvino/core.ts";
import { locateOpenvino } from "../openvino/locate.ts";
import { processorUnits } from "../openvino/processor.ts";
import type { Precision } from "../protocol/engines/onnx.ts";
import { OPENVINO_FOLDER_VARIABLE, OPENVINO_OFF } from "../protocol/openvino.ts";
import { defaultCacheDir } from "../util/cache-root.ts";
import { errorMessage } from "../util/errors.ts";
import type { Device } from "./device.ts";
import { openvinoRuntime } from "./openvino-session.ts";

const INSTALL = "retune install openvino";

/** A device, or one line of what stands in its way. */
export type Found = { device: Device } | { missing: string };

/**
 * The processor in bfloat16.
 * @param passedOver told of each runtime that can't be taken
 */
export async function bfloat16Processor(
  log: (line: string) => void,
  passedOver = log,
): Promise<Found> {
  const { bfloat16, model } = await processorUnits();
  if (bfloat16 === "no") return { missing: `${model || "this processor"} has no bfloat16 units` };
  const opened = await openCore(passedOver);
  if ("missing" in opened) return opened;
  const { core, version } = opened;
  if (!core.capabilities("CPU").includes("BF16")) {
    return { missing: `${core.deviceName("CPU")} has no bfloat16 units` };
  }
  const precision = "bfloat16";
  const cache = { dir: defaultCacheDir("compiled"), log };
  const runtime = openvinoRuntime({ core, version, device: "CPU", precision, cache });
  return { device: { name: "cpu", precision, runtime } };
}

/** Untried: no machine of ours has such a GPU. The check before training (device-check.ts) tells whether it computes rightly. */
export async function intelGpu(precision: Precision, log: (line: string) => void): Promise<Found> {
  const opened = await openCore(log);
  if ("missing" in opened) return opened;
  const { core, version } = opened;
  try {
    core.deviceName("GPU");
  } catch (error) {
    return { missing: `OpenVINO ${version} finds no Intel GPU: ${firstLine(error)}` };
  }
  const runtime = openvinoRuntime({ core, version, device: "GPU", precision });
  return { device: { name: "openvino-gpu", precision, runtime } };
}

/** One for a process: it is never closed. */
let shared: Promise<{ core: OpenvinoCore; version: string } | { missing: string }> | undefined;

function openCore(log: (line: string) => void) {
  shared ??= openLocated(log);
  return shared;
}

async function openLocated(
  log: (line: string) => void,
): Promise<{ core: OpenvinoCore; version: string } | { missing: string }> {
  const found = await locateOpenvino({ log });
  if (!found) return { missing: absence() };
  try {
    return { core: await OpenvinoCore.open(found), version: found.version };
  } catch (error) {
    return { missing: `${found.libraries.c} can't be loaded: ${firstLine(error)}` };
  }
}

function absence(): string {
  return process.env[OPENVINO_FOLDER_VARIABLE] === OPENVINO_OFF
    ? `OpenVINO is switched off (${OPENVINO_FOLDER_VARIABLE}=${OPENVINO_OFF})`
    : `OpenVINO is not installed (${INSTALL})`;
}

function firstLine(error: unknown): string {
  return errorMessage(error).trim().split("\n").at(-1) ?? "";
}
