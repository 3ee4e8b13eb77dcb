/** What of this machine decides how a run goes on it. Nothing is trained or compiled; ONNX Runtime is loaded. */
import { readdir, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type DeviceName, deviceWishSchema } from "../protocol/engines/onnx.ts";
import { inspectRuntime, planDevice } from "../onnx-engine/device.ts";
import { type OpenvinoRuntime, locateOpenvino } from "../openvino/locate.ts";
import { thisMachine } from "../openvino/machine.ts";
import { type ProcessorUnits, processorUnits } from "../openvino/processor.ts";
import { bytesOf } from "../openvino/take-libraries.ts";
import { checkSystem, systemGlibc, wheelFor } from "../openvino/wheels.ts";
import { availableMemory } from "../util/available-memory.ts";
import { CACHE_KINDS, type CacheKind, defaultCacheDir } from "../util/cache-root.ts";
import { errorMessage } from "../util/errors.ts";
import { RETUNE_VERSION } from "../util/version.ts";

export interface MachineFacts {
  retune: { version: string; node: string; platform: string };
  processor: ProcessorUnits & { threads: number };
  memory: { totalBytes: number; availableBytes: number };
  onnxruntime: {
    version: string;
    /** What `device: auto` takes. */
    auto: DeviceName;
    /** A note says why a device can't be used. */
    devices: readonly { name: DeviceName; note?: string }[];
  };
  openvino: {
    found?: OpenvinoRuntime;
    passedOver: readonly string[];
    /** What `retune install openvino` would fetch, or why it can't. */
    offer: { fetchedBytes: number; installedBytes: number } | { problem: string };
  };
  cache: Readonly<Record<CacheKind, { dir: string; bytes: number }>>;
}

export async function machineFacts(): Promise<MachineFacts> {
  const [processor, onnxruntime, openvino, sizes] = await Promise.all([
    processorUnits(),
    onnxruntimeFacts(),
    openvinoFacts(),
    Promise.all(CACHE_KINDS.map(async (kind) => [kind, await cacheFacts(kind)] as const)),
  ]);
  return {
    retune: {
      version: RETUNE_VERSION,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    },
    processor: { ...processor, threads: os.availableParallelism() },
    memory: memoryFacts(),
    onnxruntime,
    openvino,
    cache: Object.fromEntries(sizes) as MachineFacts["cache"],
  };
}

/** A container's limit counts, where it has one. */
function memoryFacts(): MachineFacts["memory"] {
  const limit = process.constrainedMemory();
  const total = os.totalmem();
  return {
    totalBytes: limit > 0 ? Math.min(limit, total) : total,
    availableBytes: availableMemory(),
  };
}

async function onnxruntimeFacts(): Promise<MachineFacts["onnxruntime"]> {
  const runtime = await inspectRuntime();
  const names = deviceWishSchema.options.filter(
    (name) => name !== "auto" && name !== "openvino-gpu",
  );
  const devices = names.map((name) => {
    const { note } = planDevice(name, runtime);
    return note === undefined ? { name } : { name, note };
  });
  return { version: runtime.version, auto: planDevice("auto", runtime).name, devices };
}

async function openvinoFacts(): Promise<MachineFacts["openvino"]> {
  const passedOver: string[] = [];
  const found = await locateOpenvino({ log: (line) => passedOver.push(line) });
  return { ...(found ? { found } : {}), passedOver, offer: offer() };
}

function offer(): MachineFacts["openvino"]["offer"] {
  try {
    const wheel = wheelFor(thisMachine());
    if (process.platform === "linux") checkSystem(wheel, systemGlibc());
    return { fetchedBytes: wheel.wheelBytes, installedBytes: bytesOf(wheel.libraries) };
  } catch (error) {
    return { problem: errorMessage(error) };
  }
}

async function cacheFacts(kind: CacheKind): Promise<{ dir: string; bytes: number }> {
  const dir = defaultCacheDir(kind);
  const names = await readdir(dir, { recursive: true }).catch((): string[] => []);
  const sizes = await Promise.all(
    names.map((name) =>
      // A run may take one away meanwhile.
      stat(path.join(dir, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return { dir, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
