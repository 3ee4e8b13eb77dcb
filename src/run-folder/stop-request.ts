/** Ways to ask a run, or an interpolation, to end early: control.json, or a signal from the terminal or the scheduler. */
import { type FromTrainer, type ToTrainer, isSupervised } from "../protocol/supervision.ts";
import { isStopRequested } from "./control.ts";

const CONTROL_INTERVAL_MS = 500;

export interface StopSignals {
  /** Aborted at the first SIGINT, SIGTERM or SIGHUP: it asks for an orderly end. */
  stop: AbortSignal;
  /** Aborted at the second one. The process ends when its listeners, which must not wait, are through. */
  atOnce: AbortSignal;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * The listener stays when the first signal has come: libraries that tidy up at a signal
 * (write-file-atomic's) end the process where they find that nobody else listens.
 * @param dir what is worked on, for a supervisor
 */
export function stopOnSignals(dir?: string): StopSignals {
  const [stop, atOnce] = [new AbortController(), new AbortController()];
  const endAtOnce = (signal: NodeJS.Signals): void => {
    atOnce.abort();
    for (const each of SIGNALS) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  };
  const isWatched = dir !== undefined && isSupervised();
  const listen = (signal: NodeJS.Signals): void => {
    // A terminal's Ctrl+C reaches the supervisor too, which counts for both.
    if (stop.signal.aborted && !isWatched) endAtOnce(signal);
    else stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, listen);
  if (isWatched) listenToSupervisor(dir, stop, endAtOnce);
  return { stop: stop.signal, atOnce: atOnce.signal };
}

function listenToSupervisor(
  dir: string,
  stop: AbortController,
  endAtOnce: (signal: NodeJS.Signals) => void,
): void {
  const tell = (message: FromTrainer): void => {
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  stop.signal.addEventListener("abort", () => tell({ type: "stopping" }));
  process.on("message", (message: ToTrainer) => {
    if (message.type === "stop") stop.abort();
    else endAtOnce(message.signal);
  });
  process.on("disconnect", () => stop.abort());
  // Not what keeps this process when all is done.
  process.channel?.unref();
  tell({ type: "listening", dir });
}

/** Aborts at a signal of the terminal or when control.json asks for it. */
export function watchStopRequests(
  dir: string,
  stop: AbortSignal,
): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  stop.addEventListener("abort", abort);
  if (stop.aborted) abort();
  const timer = setInterval(() => {
    void isStopRequested(dir).then((isAsked) => (isAsked ? abort() : undefined));
  }, CONTROL_INTERVAL_MS);
  const dispose = (): void => {
    clearInterval(timer);
    stop.removeEventListener("abort", abort);
  };
  return { signal: controller.signal, dispose };
}

/** What `whenAborted` rejects with. */
export class StoppedError extends Error {
  override readonly name = "StoppedError";
}

export function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(new StoppedError("stopped"));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}
