/** Threads in which chat templates are rendered: a template may loop for ever, and a thread can be ended. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { InputError, InternalError } from "../../util/errors.ts";
import type { RenderedRow } from "./answer-spans.ts";

/** Rows for media/python/render.py. */
export interface Batch {
  /** JSON: sources, variables, roles. */
  job: string;
  /** JSON objects. */
  rows: readonly string[];
  /** JSON: for each row its answers, or null where it asks for one. */
  answers: string;
}

/** A row's texts, or what is wrong with it. */
export type Rendering = RenderedRow | string;

interface Waiting extends Batch {
  /** Whose it is: closing ends nobody else's. */
  owner: object;
  resolve: (renderings: Rendering[]) => void;
  reject: (error: unknown) => void;
}

/** A batch of ordinary rows takes 5 to 50 ms. */
const LIMIT_MS = 30_000;

/** Starting takes a quarter of a second, or two where there is no snapshot, on a machine with nothing else to do. */
const START_LIMIT_MS = 180_000;

/** So many batches take about as long as another thread takes to start. */
const WORTH_ANOTHER = 64;

/** Each takes some 150 MB. Where there are but two cores, tokenising keeps the other one busy. */
const MAX_THREADS = availableParallelism() > 2 ? 2 : 1;

export class TemplateThreads {
  readonly #limitMs: number;
  readonly #idle: Thread[] = [];
  readonly #busy = new Map<Thread, Waiting>();
  #waiting: Waiting[] = [];
  #answered = 0;

  constructor({ limitMs = LIMIT_MS } = {}) {
    this.#limitMs = limitMs;
  }

  /** @throws InputError when it takes too long or too much; the thread is ended then */
  render(batch: Batch, owner: object): Promise<Rendering[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...batch, owner, resolve, reject });
      this.#next();
    });
  }

  /** Starts Python, if none is there, for a rendering that is sure to come. */
  start(): void {
    if (this.#idle.length + this.#busy.size === 0) this.#idle.push(startThread());
  }

  /** Ends what the owner, or left out anybody, renders, and gives the memory back unless somebody else renders. */
  async close(owner?: object): Promise<void> {
    const isOwn = (each: Waiting): boolean => owner === undefined || each.owner === owner;
    this.#drop(isOwn, new InternalError("rendering was stopped"));
    const ended = [...this.#busy].flatMap(([thread, job]) => (isOwn(job) ? thread : []));
    if (ended.length === this.#busy.size && this.#waiting.length === 0) {
      this.#answered = 0;
      for (const thread of this.#idle.splice(0)) ended.push(thread);
    }
    await Promise.all(ended.map(({ worker }) => worker.terminate()));
  }

  #drop(isDropped: (each: Waiting) => boolean, error: unknown): void {
    const dropped = this.#waiting.filter(isDropped);
    this.#waiting = this.#waiting.filter((each) => !isDropped(each));
    for (const { reject } of dropped) reject(error);
  }

  #next(): void {
    const [first] = this.#waiting;
    if (!first) return;
    const count = this.#idle.length + this.#busy.size;
    const isFull = count >= (this.#answered < WORTH_ANOTHER ? 1 : MAX_THREADS);
    const thread = this.#idle.pop() ?? (isFull ? undefined : startThread());
    if (!thread) return;
    this.#waiting.shift();
    this.#busy.set(thread, first);
    void this.#run(thread, first);
  }

  async #run(thread: Thread, waiting: Waiting): Promise<void> {
    const { job, rows, answers, owner, resolve, reject } = waiting;
    try {
      const answer = await this.#answer(thread, { job, rows, answers });
      this.#busy.delete(thread);
      this.#idle.push(thread);
      this.#answered++;
      resolve(answer);
    } catch (error) {
      this.#busy.delete(thread);
      await thread.worker.terminate();
      reject(error);
      // Its other rows would take as long.
      this.#drop((each) => each.owner === owner, error);
    }
    this.#next();
  }

  async #answer(thread: Thread, batch: Batch): Promise<Rendering[]> {
    const { worker } = thread;
    // The process stays alive while a thread has something to do, and only then.
    worker.ref();
    try {
      await thread.ready;
      worker.postMessage(batch);
      const late = `the chat template was not done after ${this.#limitMs / 1000} s`;
      const answer = await nextMessage(worker, this.#limitMs, late);
      if (typeof answer !== "string") return answer as Rendering[];
      // Python itself gave up, as at an overflow of its stack.
      throw new InputError(`the chat template can't be run: ${answer.slice(0, 300)}`);
    } finally {
      worker.unref();
    }
  }
}

/** @throws InputError saying `late`, or whatever ended the thread */
async function nextMessage(worker: Worker, limitMs: number, late: string): Promise<unknown> {
  const ended = new AbortController();
  const { signal } = ended;
  try {
    return await Promise.race([
      once(worker, "message", { signal }).then(([message]: unknown[]) => message),
      once(worker, "exit", { signal }).then(() => {
        throw new InternalError("rendering was stopped");
      }),
      setTimeout(limitMs, undefined, { signal }).then(() => {
        throw new InputError(late);
      }),
    ]);
  } finally {
    ended.abort();
  }
}

interface Thread {
  worker: Worker;
  /** When Python has started. */
  ready: Promise<unknown>;
}

/** From source there is no bundle that a thread could load. */
const FROM_SOURCE = `
const { workerData } = require("node:worker_threads");
import("tsx/esm/api").then(({ register }) => {
  register();
  return import(workerData);
});
`;

function startThread(): Thread {
  const here = (file: string): string => path.join(import.meta.dirname, file);
  const worker = process.env["RETUNE_BUNDLED"]
    ? new Worker(here("template-thread.cjs"))
    : new Worker(FROM_SOURCE, {
        eval: true,
        execArgv: [],
        workerData: pathToFileURL(here("template-thread.ts")).href,
      });
  worker.unref();
  const ready = nextMessage(worker, START_LIMIT_MS, "Python for chat templates did not start");
  // Whoever renders awaits it; until then a failure is not unhandled.
  ready.catch(() => {});
  return { worker, ready };
}

/** All templates of this process share them. */
export const templateThreads = new TemplateThreads();
