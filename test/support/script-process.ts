/** A small program of a test's own, as a process that uses modules of `src`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { createInterface } from "node:readline";

export interface ScriptProcess {
  child: ChildProcess;
  /** The next line that it prints. @throws when it ends without one */
  line(): Promise<string>;
  exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** The URL under which a script imports a file below src/. */
export function sourceUrl(file: string): string {
  return new URL(`../../src/${file}`, import.meta.url).href;
}

/** @param code an ES module; it is killed when the test ends */
export function startScript(t: TestContext, code: string, cwd?: string): ScriptProcess {
  const loader = import.meta.resolve("tsx");
  const child = spawn(
    process.execPath,
    ["--import", loader, "--input-type=module", "--eval", code],
    { stdio: ["ignore", "pipe", "inherit"], ...(cwd === undefined ? {} : { cwd }) },
  );
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    line: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error("it ended without a further line");
      return value;
    },
    exit: async () => {
      const [code, signal] = await exited;
      return { code, signal };
    },
  };
}
