/**
 * The tensors of a merge, shared among threads. Reading, computing and writing overlap because each thread
 * is at another of the three; on a fast disk it is the arithmetic that needs more than one core.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { InputError } from "../util/errors.ts";
import { OpenFiles } from "./models/tensor-bytes.ts";
import { type TensorJob, runTensorJob } from "./models/tensor-job.ts";

/** Each takes some 25 MB, and a merge shall be small in memory on a large machine too. */
const MAX_THREADS = 4;

export type FromThread =
  | { type: "wrote"; bytes: number }
  | { type: "done" }
  | { type: "failed"; message: string; isInput: boolean; code: string | undefined };

export interface JobOptions {
  /** How many more bytes of the output are written. */
  onBytes: (bytes: number) => void;
  signal: AbortSignal | undefined;
}

/**
 * Ends when every job is done; at the first that fails, or when aborted, no thread writes any more.
 * @throws what runTensorJob throws; the abort's reason
 */
export async function runTensorJobs(
  jobs: readonly TensorJob[],
  options: JobOptions,
): Promise<void> {
  options.signal?.throwIfAborted();
  // From source there is no file that a thread could load.
  if (!process.env["RETUNE_BUNDLED"]) return runHere(jobs, options);
  const waiting = jobs.values();
  const count = Math.min(MAX_THREADS, availableParallelism(), jobs.length);
  const file = path.join(__dirname, "merge-thread.cjs");
  const threads = Array.from({ length: count }, () => new Worker(file));
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(options.signal?.reason as Error);
  });
  options.signal?.addEventListener("abort", abort);
  try {
    const done = Promise.all(threads.map((thread) => feed(thread, waiting, options.onBytes)));
    await Promise.race([done, aborted]);
  } finally {
    options.signal?.removeEventListener("abort", abort);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

async function runHere(jobs: readonly TensorJob[], { onBytes, signal }: JobOptions): Promise<void> {
  const files = new OpenFiles();
  try {
    for (const job of jobs) {
      runTensorJob(job, files, onBytes);
      // Jobs block the thread; whoever wants to stop them must be heard between two.
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    }
  } finally {
    files.close();
  }
}

/** Gives a thread one waiting job after the other. */
function feed(
  thread: Worker,
  waiting: Iterator<TensorJob>,
  onBytes: JobOptions["onBytes"],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const { value: job, done } = waiting.next();
      if (done) resolve();
      else thread.postMessage(job);
    };
    thread.on("message", (message: FromThread) => {
      switch (message.type) {
        case "wrote":
          return onBytes(message.bytes);
        case "done":
          return next();
        case "failed":
          return reject(asError(message));
      }
    });
    thread.once("error", reject);
    thread.once("exit", (code) => reject(new Error(`a merge thread ended with code ${code}`)));
    next();
  });
}

function asError({ message, isInput, code }: FromThread & { type: "failed" }): Error {
  if (isInput) return new InputError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code, syscall: "write" });
}
