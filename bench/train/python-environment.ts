/** The peer's Python: the one given, or a virtual environment made once. */
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";

/** @param dir of the virtual environment @param requirements the file that lists its packages */
export function peerPython(
  given: string | undefined,
  { dir, requirements }: { dir: string; requirements: string },
): string {
  if (given !== undefined) return given;
  const python = path.join(dir, "bin/python");
  if (existsSync(python)) return python;
  console.error(`making ${dir}: the peer's packages are large, this takes minutes`);
  const run = (command: string, args: readonly string[]): void => {
    // Standard output is for the tables.
    execFileSync(command, args, { stdio: ["ignore", 2, 2] });
  };
  try {
    run("python3", ["-m", "venv", dir]);
    run(python, ["-m", "pip", "install", "--requirement", requirements]);
  } catch (error) {
    // Half an environment would be taken for a whole one next time.
    rmSync(dir, { recursive: true, force: true });
    throw new Error(`no Python for the peer; install ${requirements} yourself and give --python`, {
      cause: error,
    });
  }
  return python;
}
