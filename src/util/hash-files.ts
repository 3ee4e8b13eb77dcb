/**
 * sha256 of whole files in a thread of its own: ONNX Runtime computes on the thread that calls it,
 * and a hash of gigabytes would hold up whoever waits for the first step.
 */
import { Worker } from "node:worker_threads";

export interface Hashing {
  /** sha256 in hex by file, without files that are missing; rejects with what the file system says, or when stopped. */
  hashes: Promise<Record<string, string>>;
  /** Ends the thread, whether it is done or not. */
  stop(): Promise<void>;
}

/**
 * Plain JavaScript as text, because a thread's file would have another path in every bundle. Large
 * blocks read in place take a third of the time of a stream.
 */
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
  // No loader of the parent's is of use here.
  const worker = new Worker(THREAD, { eval: true, workerData: files, execArgv: [] });
  const hashes = new Promise<Record<string, string>>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("hashing was stopped")));
  });
  // Whoever needs the hashes awaits them; until then a failure is not unhandled.
  hashes.catch(() => {});
  return { hashes, stop: async () => void (await worker.terminate()) };
}
