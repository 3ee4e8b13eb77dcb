import os from "node:os";

/** Bytes that this process may still take; a container's limit counts. */
export function availableMemory(): number {
  // Node 20.13 and newer.
  return process.availableMemory?.() ?? os.freemem();
}
