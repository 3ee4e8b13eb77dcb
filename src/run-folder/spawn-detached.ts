/**
 * Starts a process on a folder of ours, detached: it belongs to no window and outlives all of them. Its
 * arena allocator keeps memory between steps by itself, so no MALLOC_* variables are set.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { nodeEnvironment } from "../util/node-environment.ts";

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

interface DetachedProcess {
  pid: number | undefined;
  /** Settles when the process ends while this one still lives; rejects when it could not start. */
  exited: Promise<ExitStatus>;
}

/** @param args the bundled script and what it is told */
export function spawnDetached(
  args: readonly string[],
  { dir, logFile }: { dir: string; logFile: string },
): DetachedProcess {
  // What the runtime itself prints when it dies lands where the user looks: in the folder's log.
  const log = openSync(path.join(dir, logFile), "a");
  try {
    const child = spawn(process.execPath, args, {
      detached: true,
      cwd: dir,
      stdio: ["ignore", log, log],
      env: nodeEnvironment(),
      windowsHide: true,
    });
    child.unref();
    const exited = new Promise<ExitStatus>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    return { pid: child.pid, exited };
  } finally {
    closeSync(log);
  }
}
