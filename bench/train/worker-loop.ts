/** The worker's side of protocol.ts, in Node. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export function readConfig<Config>(): Config {
  const file = process.argv[2];
  if (!file) throw new Error("usage: worker CONFIG.json");
  return JSON.parse(readFileSync(file, "utf8")) as Config;
}

function print(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** Says `ready`, then answers every `step` line until the input ends. */
export async function serveSteps(ready: object, step: () => Promise<object>): Promise<void> {
  print({ ready: performance.now(), ...ready });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "step") print(await step());
  }
}

/** Largest resident memory so far, in MB of 2^20 bytes. Linux. */
export function peakMb(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  if (!kilobytes) throw new Error("/proc/self/status has no VmHWM line");
  return Number(kilobytes) / 1024;
}
