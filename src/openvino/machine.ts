/** What the search for a runtime asks the machine; tests give another one. */
import { homedir } from "node:os";

export interface Machine {
  platform: NodeJS.Platform;
  arch: string;
  env: Readonly<NodeJS.ProcessEnv>;
  home: string;
  /** Under it lie the folders of the system: "/". */
  root: string;
}

export function thisMachine(): Machine {
  const { platform, arch, env } = process;
  return { platform, arch, env, home: homedir(), root: "/" };
}
