/**
 * Looks for NaN and infinity in a model's weights, in a thread of its own beside the compilation: one of
 * them makes every loss NaN, which looks like a rate that is too high.
 */
import { InputError } from "../util/errors.ts";
import { startTextThread } from "../util/text-thread.ts";
import type { TensorInfo } from "./safetensors.ts";

export interface FiniteScan {
  /** @returns the first value that is none; null where all are finite */
  find(): Promise<NotFinite | null>;
  /** @throws InputError naming the file and the tensor that is not finite */
  check(): Promise<void>;
  /** Ends the thread, whether it is done or not. */
  stop(): Promise<void>;
}

export interface NotFinite {
  name: string;
  file: string;
  index: number;
  isNaN: boolean;
}

/**
 * A value is not finite when all bits of its exponent are set, and NaN when one of its fraction is set
 * too.
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
  const thread = startTextThread<NotFinite | null>(THREAD, workerData, "the scan");
  return {
    find: () => thread.result,
    check: async () => {
      const bad = await thread.result;
      if (bad === null) return;
      throw new InputError(
        `${bad.file}: tensor ${bad.name} holds ${bad.isNaN ? "NaN" : "infinity"} (element ${bad.index}): the base is damaged, or was saved after a training that diverged; get the file anew`,
      );
    },
    stop: () => thread.stop(),
  };
}
