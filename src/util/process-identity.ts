/**
 * Tells one process from another that was given the same pid later, by when it started; and whether
 * its pid means anything here at all: containers of one machine count their own.
 */
import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";

interface ProcessIdentity {
  pid: number;
  startedAt: string;
  hostname: string;
  /** Opaque string that is equal exactly where pids mean the same. Missing: the host's name says it. */
  pidSpace?: string | undefined;
}

const run = promisify(execFile);
const QUERY_TIMEOUT_MS = 5_000;

/** Linux: clock ticks from boot to start, with the boot's own id, so that a restart is no match. */
async function linuxStart(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The command's name, field 2, may hold spaces and parentheses: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z") throw new Error(`process ${pid} is a zombie`);
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  return `${boot.trim()}:${fields[19]}`;
}

async function windowsStart(pid: number): Promise<string> {
  const query = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
  const options = { timeout: QUERY_TIMEOUT_MS, windowsHide: true };
  return (await run("powershell", ["-NoProfile", "-Command", query], options)).stdout.trim();
}

async function unixStart(pid: number): Promise<string> {
  const options = { timeout: QUERY_TIMEOUT_MS, env: { ...process.env, LC_ALL: "C" } };
  return (await run("ps", ["-o", "lstart=", "-p", String(pid)], options)).stdout.trim();
}

/** An opaque string that is equal exactly when the process is the same; undefined when there is none. */
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

/** Of a process of this machine and container that lives. */
export async function processIdentity(pid: number): Promise<ProcessIdentity> {
  const startedAt = (await processStart(pid)) ?? "unknown";
  return { pid, startedAt, hostname: hostname(), pidSpace: await currentPidSpace() };
}

/**
 * Whether this very process still runs. `unknown` where its pid says nothing: it belongs to another
 * machine or to another container, and only its heartbeat can tell.
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
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return "gone";
  }
  return (await processStart(pid)) === startedAt ? "alive" : "gone";
}
