/** Ways to ask a run, or a sweep, to end early: control.json, or a signal from the terminal or the scheduler. */
import path from "node:path";
import { RUN_FILES, controlSchema } from "../protocol/run-folder.ts";
import { readJson } from "../util/json.ts";

/** Whether control.json asks to stop. A missing or half-readable file asks for nothing. */
export async function isStopRequested(dir: string): Promise<boolean> {
  try {
    const control = await readJson(path.join(dir, RUN_FILES.control));
    return controlSchema.parse(control).request === "stop";
  } catch {
    return false;
  }
}

/**
 * The first SIGINT, SIGTERM or SIGHUP asks for an orderly end; a second one ends the process as
 * if nobody listened.
 */
export function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = (): void => {
    for (const signal of signals) process.removeListener(signal, stop);
    controller.abort();
  };
  for (const signal of signals) process.on(signal, stop);
  return controller.signal;
}
