/** The controller's side of protocol.ts: one child process. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Ready } from "./protocol.ts";

export interface WorkerCommand {
  name: string;
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** torch.compile's first step takes minutes. */
const REPLY_LIMIT_MS = 30 * 60_000;
const KEPT_STDERR = 4000;

export class WorkerProcess<Reply> {
  readonly name: string;
  readonly ready: Ready;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #next: () => Promise<unknown>;
  readonly #spawnedAt: number;

  private constructor(state: {
    name: string;
    ready: Ready;
    child: ChildProcessWithoutNullStreams;
    next: () => Promise<unknown>;
    spawnedAt: number;
  }) {
    this.name = state.name;
    this.ready = state.ready;
    this.#child = state.child;
    this.#next = state.next;
    this.#spawnedAt = state.spawnedAt;
  }

  static async start<Reply>(worker: WorkerCommand): Promise<WorkerProcess<Reply>> {
    const { name, command, args, env } = worker;
    const spawnedAt = performance.now();
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    const next = replies(name, child);
    try {
      const ready = (await next()) as Ready;
      return new WorkerProcess<Reply>({ name, ready, child, next, spawnedAt });
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async step(): Promise<Reply> {
    this.#child.stdin.write("step\n");
    return (await this.#next()) as Reply;
  }

  sinceSpawnMs(): number {
    return performance.now() - this.#spawnedAt;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    // Nothing is left to lose, and the next case wants the memory now.
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** Reads one message after the other; a dead or silent worker is an error with its last words. */
function replies(name: string, child: ChildProcessWithoutNullStreams): () => Promise<unknown> {
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-KEPT_STDERR);
  });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      reject(new Error(`worker ${name} ended (${signal ?? `exit code ${code}`}):\n${errors}`));
    });
  });
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Libraries greet on standard output; a message is a line that opens a JSON object. */
  const message = async (): Promise<unknown> => {
    for (;;) {
      const line = await Promise.race([lines.next(), failed]);
      if (line.done) return failed;
      if (line.value.startsWith("{")) return JSON.parse(line.value);
    }
  };
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const silent = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`worker ${name}: no reply in ${REPLY_LIMIT_MS / 60_000} min`)),
        REPLY_LIMIT_MS,
      );
    });
    try {
      return await Promise.race([message(), silent]);
    } finally {
      clearTimeout(timer);
    }
  };
}
