/**
 * Looks for NaN and infinity in a model's weights, in a thread of its own beside the compilation: one of
 * them makes every loss NaN, which looks like a rate that is too high.
 */
import { Worker } from "node:worker_threads";
import { InputError } from "../util/errors.ts";
import type { TensorInfo } from "./safetensors.ts";

export interface FiniteScan {
  /** @throws InputError naming the file and the tensor that is not finite */
  check(): Promise<void>;
  /** Ends the thread, whether it is done or not. */
  stop(): Promise<void>;
}

interface Found {
  name: string;
  file: string;
  index: number;
  isNaN: boolean;
}

/**
 * Plain JavaScript as text, because a thread's file would have another path in every bundle. A value is
 * not finite when all bits of its exponent are set, and NaN when one of its fraction is set too.
 */
const THREAD = `
const { closeSync, openSync, readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const FORMATS = {
  F32: [Uint32Array, 0x7f800000, 0x007fffff],
  F16: [Uint16Array, 0x7c00, 0x03ff],
  BF16: [Uint16Array, 0x7f80, 0x007f],
};
const block = new ArrayBuffer(2 ** 22);
function scan(values, exponent) {
  for (let i = 0; i < values.length; i++) if ((values[i] & exponent) === exponent) return i;
  return -1;
}
function find(tensors) {
  const open = new Map();
  try {
    for (const { name, file, dtype, byteOffset, byteLength } of tensors) {
      const [Values, exponent, fraction] = FORMATS[dtype];
      if (!open.has(file)) open.set(file, openSync(file, "r"));
      for (let done = 0; done < byteLength; ) {
        const want = Math.min(block.byteLength, byteLength - done);
        const read = readSync(open.get(file), new Uint8Array(block), 0, want, byteOffset + done);
        const whole = read - (read % Values.BYTES_PER_ELEMENT);
        if (whole === 0) break;
        const values = new Values(block, 0, whole / Values.BYTES_PER_ELEMENT);
        const at = scan(values, exponent);
        if (at >= 0) {
          const index = done / Values.BYTES_PER_ELEMENT + at;
          return { name, file, index, isNaN: (values[at] & fraction) !== 0 };
        }
        done += whole;
      }
    }
    return null;
  } finally {
    for (const descriptor of open.values()) closeSync(descriptor);
  }
}
parentPort.postMessage(find(workerData));
`;

const SCANNED: readonly string[] = ["F32", "F16", "BF16"];

/** @param tensors those of other types than F32, F16 and BF16 are passed over */
export function startFiniteScan(tensors: readonly TensorInfo[]): FiniteScan {
  const workerData = tensors
    .filter(({ dtype }) => SCANNED.includes(dtype))
    .map(({ name, file, dtype, byteOffset, byteLength }) => {
      return { name, file, dtype, byteOffset, byteLength };
    });
  // No loader of the parent's is of use here.
  const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [] });
  const found = new Promise<Found | null>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the scan was stopped")));
  });
  // Whoever needs the result awaits it; until then a failure is not unhandled.
  found.catch(() => {});
  return {
    check: async () => {
      const bad = await found;
      if (bad === null) return;
      throw new InputError(
        `${bad.file}: tensor ${bad.name} holds ${bad.isNaN ? "NaN" : "infinity"} (element ${bad.index}): the base is damaged, or was saved after a training that diverged; get the file anew`,
      );
    },
    stop: async () => void (await worker.terminate()),
  };
}
