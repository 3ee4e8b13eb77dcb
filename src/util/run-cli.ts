/** Runs the bundled `retune` command as a child that dies with its caller, for work of seconds. */
import { spawn } from "node:child_process";
import { InputError } from "./errors.ts";
import { nodeEnvironment } from "./node-environment.ts";

export interface CliOptions {
  /** The bundled command, dist/cli.cjs. */
  cliPath: string;
  args: readonly string[];
  cwd?: string;
  signal: AbortSignal;
  onOutput?: (text: string) => void;
  /** Each line of standard error: how far it is. */
  onProgress?: (line: string) => void;
}

const KILL_AFTER_MS = 3_000;
const MAX_KEPT_CHARS = 16_384;

/**
 * Resolves with true when it has done its work, with false when it was cancelled.
 * @throws InputError with the last line that the command wrote to its standard error
 */
export function runCli(options: CliOptions): Promise<boolean> {
  const { cliPath, args, cwd, signal, onOutput, onProgress } = options;
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cliPath, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ["ignore", "pipe", "pipe"],
      env: nodeEnvironment(),
      windowsHide: true,
    });
    let errors = "";
    const progress = new LineBuffer((line) => onProgress?.(line));
    let killer: NodeJS.Timeout | undefined;
    const cancel = () => {
      child.kill("SIGTERM");
      killer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    };
    signal.addEventListener("abort", cancel, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => onOutput?.(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-MAX_KEPT_CHARS);
      progress.add(text);
    });
    child.once("error", reject);
    child.once("close", (code, killedBy) => {
      clearTimeout(killer);
      progress.end();
      signal.removeEventListener("abort", cancel);
      if (signal.aborted) return resolve(false);
      if (code === 0) return resolve(true);
      reject(
        new InputError(lastLine(errors) ?? `retune ${args[0]} ended with ${killedBy ?? code}`),
      );
    });
  });
}

/** Lines of a text that comes in pieces, each told once and whole; empty ones are none. */
class LineBuffer {
  readonly #tell: (line: string) => void;
  #begun = "";

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  add(text: string): void {
    const lines = (this.#begun + text).split(/[\r\n]/);
    this.#begun = (lines.pop() ?? "").slice(-MAX_KEPT_CHARS);
    for (const line of lines) this.#tellWhole(line);
  }

  /** What has no end yet is a line too. */
  end(): void {
    this.#tellWhole(this.#begun);
    this.#begun = "";
  }

  #tellWhole(line: string): void {
    if (line.trim() !== "") this.#tell(line.trim());
  }
}

function lastLine(text: string): string | undefined {
  const line = text
    .trimEnd()
    .split(/[\r\n]/)
    .at(-1)
    ?.trim();
  return line === "" ? undefined : line;
}
