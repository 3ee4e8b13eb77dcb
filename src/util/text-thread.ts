/** Threads whose script is plain JavaScript as text: a thread's file would have another path in every bundle. */
import { Worker } from "node:worker_threads";

export interface TextThread<T> {
  /** The first message that the script posts; rejects with what ended it before. */
  result: Promise<T>;
  /** Ends the thread, whether it is done or not. */
  stop(): Promise<void>;
}

/** @param what it does, for the error of one that is stopped */
export function startTextThread<T>(
  script: string,
  workerData: unknown,
  what: string,
): TextThread<T> {
  // No loader of the parent's is of use here.
  const worker = new Worker(script, { eval: true, workerData, execArgv: [] });
  const result = new Promise<T>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error(`${what} was stopped`)));
  });
  // Whoever needs the result awaits it; until then a failure is not unhandled.
  result.catch(() => {});
  return { result, stop: async () => void (await worker.terminate()) };
}
