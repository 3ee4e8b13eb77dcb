/** One command from start to end, with what it wrote on the disk. */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const POLL_MS = 20;
const KEPT_STDERR = 2000;

export interface Timed {
  seconds: number;
  /** The kernel's record of resident memory (VmHWM), mapped files included; NaN where it ended too soon. */
  peakBytes: number;
}

/** @param outDir is synced within the time, so that no tool leaves its writing to the kernel */
export async function timed(
  command: string,
  args: readonly string[],
  outDir: string,
): Promise<Timed> {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-KEPT_STDERR);
  });
  let peakBytes = Number.NaN;
  const poll = setInterval(() => {
    peakBytes = peakOf(child.pid) ?? peakBytes;
  }, POLL_MS);
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearInterval(poll);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${errors}`);
  spawnSync("sync", ["--file-system", outDir]);
  return { seconds: (performance.now() - startedAt) / 1000, peakBytes };
}

function peakOf(pid: number | undefined): number | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
  } catch {
    // It has just ended.
    return undefined;
  }
}
