// When a server that was started in the foreground should end.
import { spawnSync } from "node:child_process";

const PARENT_LOOK_MS = 500;

/** npm, where `npm start` runs this: its shell, and the parent of that. */
function npmProcesses() {
  if (process.env.npm_lifecycle_event === undefined || process.platform === "win32") return [];
  const { ppid } = process;
  const { stdout } = spawnSync("ps", ["-o", "ppid=,comm=", "-p", ppid], { encoding: "utf8" });
  const [, parent, name] = /^\s*(\d+)\s+(.*?)\s*$/m.exec(stdout ?? "") ?? [];
  // A shell that became this very process leaves npm itself as the parent.
  return /(^|\/)(ba|da|z)?sh$/.test(name ?? "") ? [ppid, Number(parent)] : [ppid];
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/**
 * Resolves when this process is asked to end, or when the npm that started it is gone: npm's shell
 * does not hand on the signal that ends it.
 */
export function whenAskedToEnd() {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, resolve);
    const npm = npmProcesses();
    const timer = setInterval(() => {
      if (!npm.every(isAlive)) resolve();
    }, PARENT_LOOK_MS);
    timer.unref();
  });
}
