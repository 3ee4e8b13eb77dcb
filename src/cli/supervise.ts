/**
 * `retune train` as two processes, and an interpolation. The one that works may be stuck in a single call of a library, and
 * then hears neither Ctrl+C nor SIGTERM. So a parent that does nothing else hears them, asks it to
 * stop, and ends it when it does not answer. Both have the terminal: what is printed passes through nothing.
 */
import { type ChildProcess, fork } from "node:child_process";
import { type FromTrainer, SUPERVISED, type ToTrainer } from "../protocol/supervision.ts";
import { STOP_LIMITS, type StopLimits, endProcess } from "../run-folder/end-process.ts";
import { errorMessage } from "../util/errors.ts";
import { processIdentity } from "../util/process-identity.ts";
import type { Run } from "../run-folder/run.ts";
import type { Interpolation } from "../runs/interpolations/interpolation.ts";
import { printError } from "./output.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Asked a second time, it has this long to say in its state that it ends. */
const AT_ONCE_LIMITS: StopLimits = { answerMs: 1_000, termMs: 500 };

/** Whether the command works on a run's or an interpolation's folder; a window that starts an interpolation unseen looks after it itself. */
export function isForSupervisor([name = "", ...options]: readonly string[]): boolean {
  if (options.includes("--help") || options.includes("-h")) return false;
  if (name === "train" || name === "resume") return true;
  const isInterpolation = options.some((option) => /^--(?:sweep|continue)(?:=|$)/u.test(option));
  return name === "interpolate" && isInterpolation && !options.includes("--quiet");
}

/** @returns what is known of the folder; a run's has a recipe, an interpolation's a definition */
async function readItem(dir: string): Promise<Run | Interpolation | undefined> {
  const [{ readRun }, { readInterpolation }] = await Promise.all([
    import("../run-folder/run.ts"),
    import("../runs/interpolations/interpolation.ts"),
  ]);
  const interpolation = await readInterpolation(dir);
  return interpolation?.definition === undefined ? readRun(dir) : interpolation;
}

interface SuperviseOptions {
  /** The bundle of `retune`. */
  script?: string;
  limits?: StopLimits;
}

/** @returns the child's exit code. Where a signal ended the child, this process dies of the same. */
export async function supervise(
  args: readonly string[],
  { script = process.argv[1] ?? "", limits = STOP_LIMITS }: SuperviseOptions = {},
): Promise<number> {
  const child = fork(script, args, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [SUPERVISED]: "1" },
  });
  const stopping = new Stopping(child, limits);
  const onSignal = (signal: NodeJS.Signals): void => stopping.onSignal(signal);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const exit = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve({ code, signal }));
    },
  );
  if (exit.signal === null) return exit.code ?? 1;
  const told = await stopping.tellEnd(exit.signal);
  if (told !== undefined) printError(told.text);
  if (told?.isStopped === true) return 1;
  for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  process.kill(process.pid, exit.signal);
  return 1;
}

class Stopping {
  readonly #child: ChildProcess;
  readonly #limits: StopLimits;
  #dir: string | undefined;
  #isAsked = false;
  #hasAnswered = false;

  constructor(child: ChildProcess, limits: StopLimits) {
    this.#child = child;
    this.#limits = limits;
    child.on("message", (message: FromTrainer) => {
      if (message.type === "listening") this.#dir = message.dir;
      else this.#hasAnswered = true;
    });
  }

  onSignal(signal: NodeJS.Signals): void {
    const isAgain = this.#isAsked;
    this.#isAsked = true;
    // Before it listens a signal ends it: nothing has begun.
    if (this.#dir === undefined) this.#child.kill(signal);
    else this.#send(isAgain ? { type: "end at once", signal } : { type: "stop" });
    const limits = isAgain ? AT_ONCE_LIMITS : this.#limits;
    this.#end(limits, isAgain).catch((error: unknown) => {
      printError(errorMessage(error));
    });
  }

  #send(message: ToTrainer): void {
    // A channel that has closed is that of a child that ends.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  async #end(limits: StopLimits, isAgain: boolean): Promise<void> {
    if (this.#child.pid === undefined) return;
    const owner = await processIdentity(this.#child.pid);
    await endProcess(owner, () => Promise.resolve(this.#hasAnswered && !isAgain), limits);
  }

  /**
   * What the child could not say itself: in its run's state where it was asked to stop, else on the
   * terminal alone, for the run goes on as it is. Undefined when it has said all.
   */
  async tellEnd(signal: NodeJS.Signals): Promise<{ text: string; isStopped: boolean } | undefined> {
    if (this.#dir === undefined) return undefined;
    const item = await readItem(this.#dir);
    // Another process may have the folder: this one would have been refused.
    const isOurs = item?.status === "queued" || item?.state?.process?.pid === this.#child.pid;
    if (item === undefined || !isOurs) return undefined;
    if (item.status !== "interrupted" && item.status !== "queued") return undefined;
    const isInterpolation = "points" in item;
    const subject = isInterpolation ? "the interpolation's process" : "the training process";
    if (this.#isAsked) {
      const { tellKilled } = await import("../run-folder/tell-killed.ts");
      return { text: await tellKilled(item, subject), isStopped: true };
    }
    const way = isInterpolation ? "retune interpolate --continue" : "retune resume";
    return {
      text: `${signal} ended ${subject}; "${way}" goes on with ${item.dir}`,
      isStopped: false,
    };
  }
}
