/**
 * Tells one process from another that was given the same pid later, by when it started; and whether
 * its pid means anything here at all: containers of one machine count their own.
 */
import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { hasCode } from "./errors.ts";

interface ProcessIdentity {
  pid: number;
  startedAt: string;
  hostname: string;
  /** Opaque string that is equal exactly where pids mean the same. Missing: the host's name says it. */
  pidSpace?: string | undefined;
}

const run = promisify(execFile);
const QUERY_TIMEOUT_MS = 5_000;

/** Stands for the start of a process that has ended and whose parent has not asked how. */
const ENDED = "ended";

/** Linux: clock ticks from boot to start, with the boot's own id, so that a restart is no match. */
async function linuxStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The command's name, field 2, may hold spaces and parentheses: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z") return ENDED;
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  return `${boot.trim()}:${fields[19]}`;
}

async function windowsStart(pid: number): Promise<string> {
  const query = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
  const options = { timeout: QUERY_TIMEOUT_MS, windowsHide: true };
  return (await run("powershell", ["-NoProfile", "-Command", query], options)).stdout.trim();
}

async function unixStart(pid: number): Promise<string> {
  // ps writes local time: a laptop that is carried into another time zone must not end its runs.
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
  const options = { timeout: QUERY_TIMEOUT_MS, env };
  return (await run("ps", ["-o", "lstart=", "-p", String(pid)], options)).stdout.trim();
}

/** An opaque string that is equal exactly when the process is the same; undefined where nobody says it. */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === "linux") return await linuxStart(pid);
    const start = process.platform === "win32" ? await windowsStart(pid) : await unixStart(pid);
    return start === "" ? undefined : start;
  } catch {
    return undefined;
  }
}

/** Linux: the boot and the pid namespace. A host's name may change while it runs, or be that of several. */
async function currentPidSpace(): Promise<string> {
  if (process.platform !== "linux") return hostname();
  try {
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()} ${await readlink("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/** Asked once: on Windows it takes half a second. */
let own: Promise<ProcessIdentity> | undefined;

export function currentProcessIdentity(): Promise<ProcessIdentity> {
  own ??= processIdentity(process.pid);
  return own;
}

/** What stands for the start of a process where the system did not say it. */
export const UNKNOWN_START = "unknown";

/** Who a living process of this machine and container is. */
export async function processIdentity(pid: number): Promise<ProcessIdentity> {
  const startedAt = (await processStart(pid)) ?? UNKNOWN_START;
  return { pid, startedAt, hostname: hostname(), pidSpace: await currentPidSpace() };
}

/** Whether any process has this pid here. */
export function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there and belongs to somebody else.
    return hasCode(error, "EPERM");
  }
}

/**
 * Whether this very process still runs. `unknown` where its pid says nothing: it belongs to another
 * machine or to another container, or when it started can't be asked. Only its heartbeat can tell then.
 */
export async function processFate(
  identity: ProcessIdentity,
): Promise<"alive" | "gone" | "unknown"> {
  const { pid, startedAt, pidSpace } = identity;
  const isHere =
    pidSpace === undefined
      ? identity.hostname === hostname()
      : pidSpace === (await currentPidSpace());
  if (!isHere) return "unknown";
  if (!hasProcess(pid)) return "gone";
  const found = await processStart(pid);
  if (found === ENDED) return "gone";
  if (found === startedAt) return "alive";
  // ps or PowerShell that is missing or slow, then or now, tells nothing of the process.
  const isUntold = found === undefined || startedAt === UNKNOWN_START;
  return isUntold && hasProcess(pid) ? "unknown" : "gone";
}
