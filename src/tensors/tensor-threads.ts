/**
 * The tensors of a model that is written, shared among threads. Reading, computing and writing overlap because
 * each thread is at another of the three; on a fast disk it is the arithmetic that needs more than one core.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { Worker, parentPort } from "node:worker_threads";
import { InputError, InternalError, errorMessage } from "../util/errors.ts";
import { OpenFiles } from "./tensor-bytes.ts";
import type { RunTask, TensorTask } from "./tensor-tasks.ts";

/** Each takes some 25 MB, and a merge shall be small in memory on a large machine too. */
const MAX_THREADS = 4;
/** Bundled beside the program: merge/tensor-thread.ts, which runs tasks of every type. */
const THREAD = "tensor-thread.cjs";

type FromThread =
  | { type: "wrote"; bytes: number }
  | { type: "done" }
  | { type: "failed"; message: string; isInput: boolean; code: string | undefined };

export interface TaskOptions<Task extends TensorTask> {
  /** Runs them where there is no bundled thread. */
  run: RunTask<Task>;
  /** How many more bytes of the output are written. */
  onBytes: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Ends when every task is done; at the first that fails, or when aborted, no thread writes any more.
 * @throws what the tasks throw; the abort's reason
 */
export async function runTensorTasks<Task extends TensorTask>(
  tasks: readonly Task[],
  options: TaskOptions<Task>,
): Promise<void> {
  options.signal?.throwIfAborted();
  // From source there is no file that a thread could load.
  if (!process.env["RETUNE_BUNDLED"]) return runHere(tasks, options);
  const waiting = tasks.values();
  const count = Math.min(MAX_THREADS, availableParallelism(), tasks.length);
  const file = path.join(__dirname, THREAD);
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

async function runHere<Task extends TensorTask>(
  tasks: readonly Task[],
  { run, onBytes, signal }: TaskOptions<Task>,
): Promise<void> {
  const files = new OpenFiles();
  try {
    for (const task of tasks) {
      await run(task, { files, onBytes });
      // Tasks block the thread; whoever wants to stop them must be heard between two.
      await new Promise(setImmediate);
      signal?.throwIfAborted();
    }
  } finally {
    files.close();
  }
}

/** Gives a thread one waiting task after the other. */
function feed(
  thread: Worker,
  waiting: Iterator<TensorTask>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const { value: task, done } = waiting.next();
      if (done) resolve();
      else thread.postMessage(task);
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
    thread.once("exit", (code) => reject(new Error(`a tensor's thread ended with code ${code}`)));
    next();
  });
}

function asError({ message, isInput, code }: FromThread & { type: "failed" }): Error {
  if (isInput) return new InputError(message);
  return Object.assign(new Error(message), code === undefined ? {} : { code, syscall: "write" });
}

/** The thread's side: takes one task after the other until it is ended. */
export function serveTensorTasks<Task extends TensorTask>(run: RunTask<Task>): void {
  if (!parentPort) throw new InternalError("tensor-thread runs as a thread only");
  const port = parentPort;
  const files = new OpenFiles();
  const say = (message: FromThread): void => port.postMessage(message);
  const onBytes = (bytes: number): void => say({ type: "wrote", bytes });
  const serve = async (task: Task): Promise<void> => {
    try {
      await run(task, { files, onBytes });
      say({ type: "done" });
    } catch (error) {
      // An Error loses its class and its code on the way.
      const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
      const isInput = error instanceof InputError;
      say({ type: "failed", message: errorMessage(error), isInput, code });
    }
  };
  port.on("message", (task: Task) => void serve(task));
}
