/** Threads in which chat templates are rendered: a template may loop for ever, and a thread can be ended. */
import { availableParallelism } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { InputError, InternalError } from "../../util/errors.ts";

/** Rows for media/python/render.py. */
export interface Batch {
  /** JSON: sources, variables, ask. */
  job: string;
  /** JSON objects. */
  rows: readonly string[];
}

/** Text, [start, end) of what is trained, count of answers without a place; or what is wrong. */
export type Rendering = [string, [number, number][], number] | string;

interface Waiting extends Batch {
  resolve: (renderings: Rendering[]) => void;
  reject: (error: Error) => void;
}

/** A batch of ordinary rows takes 5 to 50 ms. */
const LIMIT_MS = 30_000;

/** Each takes some 100 MB. */
const MAX_THREADS = Math.min(2, availableParallelism());

export class TemplateThreads {
  readonly #limitMs: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Set<Worker>();
  #waiting: Waiting[] = [];

  constructor({ limitMs = LIMIT_MS } = {}) {
    this.#limitMs = limitMs;
  }

  /** Starts Python, which takes a moment, before there is anything to render. */
  warm(): void {
    if (this.#idle.length + this.#busy.size === 0) this.#idle.push(startThread());
  }

  /** @throws InputError when it takes too long or too much; the thread is ended then */
  render(batch: Batch): Promise<Rendering[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...batch, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    const threads = [...this.#idle.splice(0), ...this.#busy];
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #next(): void {
    const [first] = this.#waiting;
    if (!first) return;
    const isFull = this.#idle.length + this.#busy.size >= MAX_THREADS;
    const thread = this.#idle.pop() ?? (isFull ? undefined : startThread());
    if (!thread) return;
    this.#waiting.shift();
    this.#busy.add(thread);
    void this.#run(thread, first);
  }

  async #run(thread: Worker, { job, rows, resolve, reject }: Waiting): Promise<void> {
    try {
      const answer = await this.#answer(thread, { job, rows });
      this.#busy.delete(thread);
      this.#idle.push(thread);
      resolve(answer);
    } catch (error) {
      this.#busy.delete(thread);
      await thread.terminate();
      reject(error as Error);
    }
    this.#next();
  }

  /** The process stays alive while a thread has something to do, and only then. */
  async #answer(thread: Worker, batch: Batch): Promise<Rendering[]> {
    let timer: NodeJS.Timeout | undefined;
    thread.ref();
    try {
      return await new Promise((resolve, reject) => {
        const seconds = this.#limitMs / 1000;
        timer = setTimeout(
          () => reject(new InputError(`the chat template was not done after ${seconds} s`)),
          this.#limitMs,
        );
        thread.once("message", (answer: Rendering[] | string) => {
          if (typeof answer !== "string") resolve(answer);
          // Python itself gave up, as at a stack overflow inside it.
          else reject(new InputError(`the chat template can't be run: ${answer.slice(0, 300)}`));
        });
        thread.once("error", reject);
        thread.once("exit", () => reject(new InternalError("rendering was stopped")));
        thread.postMessage(batch);
      });
    } finally {
      clearTimeout(timer);
      thread.removeAllListeners();
      thread.unref();
    }
  }
}

/** From source there is no bundle that a thread could load. */
const FROM_SOURCE = `
const { workerData } = require("node:worker_threads");
import("tsx/esm/api").then(({ register }) => {
  register();
  return import(workerData);
});
`;

function startThread(): Worker {
  const here = (file: string): string => path.join(import.meta.dirname, file);
  const thread = process.env["RETUNE_BUNDLED"]
    ? new Worker(here("template-thread.cjs"))
    : new Worker(FROM_SOURCE, {
        eval: true,
        execArgv: [],
        workerData: pathToFileURL(here("template-thread.ts")).href,
      });
  thread.unref();
  return thread;
}

/** All templates of this process share them. */
export const templateThreads = new TemplateThreads();
