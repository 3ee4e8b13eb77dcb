/**
 * Starts the training process detached: it belongs to no window and outlives all of them. Its
 * arena allocator keeps memory between steps by itself, so no MALLOC_* variables are set.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { RUN_FILES } from "../protocol/run-folder.ts";

export interface ExitStatus {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface Trainer {
  pid: number | undefined;
  /** Settles when the process ends while this one still lives; rejects when it could not start. */
  exited: Promise<ExitStatus>;
}

/**
 * The environment of a Node process of ours. VS Code's own executable is Node when told so, in the
 * desktop and (where it is Node already) in the server alike.
 */
export function nodeEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|NODE_OPTIONS$|ELECTRON_|NODE_TEST_CONTEXT$)/.test(name),
  );
  return { ...Object.fromEntries(kept), ELECTRON_RUN_AS_NODE: "1" };
}

/** @param trainerPath the bundled training process, dist/trainer.cjs */
export function spawnTrainer(trainerPath: string, runDir: string): Trainer {
  // What the runtime itself prints when it dies lands where the user looks: in the run's log.
  const log = openSync(path.join(runDir, RUN_FILES.log), "a");
  try {
    const child = spawn(process.execPath, [trainerPath, runDir], {
      detached: true,
      cwd: runDir,
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
