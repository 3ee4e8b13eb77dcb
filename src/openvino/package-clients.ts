/**
 * The package clients of the user, which know their index, mirror, proxy and certificates. uv has no download of a
 * wheel as it is, so that it unpacks one into a folder of packages; nothing is installed into an environment.
 */
import { spawn } from "node:child_process";
import { InputError, hasCode } from "../util/errors.ts";
import type { Machine } from "./machine.ts";
import { type PinnedWheel, REQUIREMENT, WHEEL_PYTHON } from "./wheels.ts";

export interface PackageClient {
  /** What the user would type: "python3 -m pip". */
  command: readonly [string, ...string[]];
  /** What of the wheel is in `into` afterwards. */
  brings: "wheel" | "packages";
  args: (wheel: PinnedWheel, into: string) => readonly string[];
}

const uv: PackageClient = {
  command: ["uv"],
  brings: "packages",
  args: ({ uvPlatform }, into) => {
    const choice = ["--python-platform", uvPlatform, "--python-version", WHEEL_PYTHON];
    const options = ["--target", into, "--no-deps", "--only-binary", ":all:", ...choice];
    return ["pip", "install", ...options, REQUIREMENT];
  },
};

const pip = (...command: [string, ...string[]]): PackageClient => ({
  command,
  brings: "wheel",
  args: (wheel, into) => [
    ...pipArguments(wheel),
    "--progress-bar",
    "off",
    "--dest",
    into,
    REQUIREMENT,
  ],
});

function pipArguments({ pipPlatform }: PinnedWheel): string[] {
  const any = ["--only-binary=:all:", "--platform", pipPlatform, "--python-version", WHEEL_PYTHON];
  return ["download", "--no-deps", ...any];
}

/** In the order in which they are tried. */
export function clientsOf({ platform }: Machine): readonly PackageClient[] {
  const modules = platform === "win32" ? [pip("py", "-m", "pip")] : [pip("python3", "-m", "pip")];
  return [uv, ...modules, pip("python", "-m", "pip"), pip("pip3"), pip("pip")];
}

/** For whoever has none of them here: typed where an index can be reached. */
export function commandToType(wheel: PinnedWheel): string {
  return ["pip", ...pipArguments(wheel), REQUIREMENT].join(" ");
}

export interface RunClientOptions {
  wheel: PinnedWheel;
  /** An empty folder for what it brings, and the client's working folder: no other's files are found by it. */
  into: string;
  env: Readonly<NodeJS.ProcessEnv>;
  signal: AbortSignal;
  /** There is such a client, and it works. */
  onStart: () => void;
  /** Each line that it prints. */
  onLine: (line: string) => void;
}

const KILL_AFTER_MS = 3_000;
const MAX_KEPT_LINES = 20;

/**
 * @returns false when there is no such client
 * @throws InputError with what it says, or when it was cancelled
 */
export function runClient(client: PackageClient, options: RunClientOptions): Promise<boolean> {
  const { wheel, into, env, signal } = options;
  const [file, ...first] = client.command;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(file, [...first, ...client.args(wheel, into)], {
      cwd: into,
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
      // Nothing is installed, so that no virtual environment is needed; and no word of newer versions of itself.
      env: { ...env, PIP_REQUIRE_VIRTUALENV: "0", PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    });
    const lines: string[] = [];
    const onText = (text: string): void => {
      const said = text.split(/[\r\n]+/u).filter((line) => line.trim() !== "");
      for (const line of said) options.onLine(line.trim());
      lines.splice(0, lines.length, ...[...lines, ...said].slice(-MAX_KEPT_LINES));
    };
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", onText);
    let killer: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      child.kill("SIGTERM");
      killer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
    };
    signal.addEventListener("abort", cancel, { once: true });
    const settle = (): void => {
      clearTimeout(killer);
      signal.removeEventListener("abort", cancel);
    };
    child.once("spawn", options.onStart);
    child.once("error", (error) => {
      settle();
      if (hasCode(error, "ENOENT")) resolve(false);
      else reject(error);
    });
    child.once("close", (code, killedBy) => {
      settle();
      if (signal.aborted) return reject(signal.reason);
      if (code === 0) return resolve(true);
      if (lines.some((line) => /No module named pip\b/u.test(line))) return resolve(false);
      reject(new InputError(reasonIn(lines) ?? `it ended with ${killedBy ?? `code ${code}`}`));
    });
  });
}

/** The line that a client marks as its error, or its last. */
function reasonIn(lines: readonly string[]): string | undefined {
  const marked = lines.findLast((line) => /^\s*(?:error|×)/iu.test(line));
  return (marked ?? lines.at(-1))?.trim();
}
