/**
 * sha256 of whole files in a thread of its own: ONNX Runtime computes on the thread that calls it,
 * and a hash of gigabytes would hold up whoever waits for the first step.
 */
import { startTextThread } from "./text-thread.ts";

export interface Hashing {
  /** sha256 in hex by file, without files that are missing; rejects with what the file system says, or when stopped. */
  hashes: Promise<Record<string, string>>;
  /** Ends the thread, whether it is done or not. */
  stop(): Promise<void>;
}

/** Large blocks read in place take a third of the time of a stream. */
const THREAD = `
const { createHash } = require("node:crypto");
const { closeSync, existsSync, openSync, readSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
const block = Buffer.allocUnsafeSlow(2 ** 20);
const hashes = {};
for (const file of workerData.filter((each) => existsSync(each))) {
  const hash = createHash("sha256");
  const descriptor = openSync(file, "r");
  for (let read; (read = readSync(descriptor, block)) > 0; ) hash.update(block.subarray(0, read));
  closeSync(descriptor);
  hashes[file] = hash.digest("hex");
}
parentPort.postMessage(hashes);
`;

export function startHashing(files: readonly string[]): Hashing {
  const thread = startTextThread<Record<string, string>>(THREAD, files, "hashing");
  return { hashes: thread.result, stop: () => thread.stop() };
}
