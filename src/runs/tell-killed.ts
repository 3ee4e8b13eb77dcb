/** The last word on a process that could not say it itself. */
import { appendFile, rm } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { RUN_FILES, type RunStatus } from "../protocol/run-folder.ts";
import { endTornLine } from "../util/torn-line.ts";

interface Killed {
  readonly dir: string;
  readonly state?: object;
}

/**
 * Only for a folder whose process is gone.
 * @param subject "the training process"
 * @returns what its state says now
 */
export async function tellKilled(item: Killed, subject: string): Promise<string> {
  const message = `stopped: ${subject} did not end by itself and was killed; what it had saved is there`;
  const line = `${new Date().toISOString()} ${message}\n`;
  const log = path.join(item.dir, RUN_FILES.log);
  await endTornLine(log)
    .then(() => appendFile(log, line))
    .catch(() => undefined);
  await writeState(item, { status: "stopped", message });
  await rm(path.join(item.dir, RUN_FILES.lock), { force: true });
  return message;
}

/** Only for one that no process owns. */
export async function writeState(
  { dir, state }: Killed,
  change: { status: RunStatus; message: string },
): Promise<void> {
  const now = { ...state, ...change, phase: undefined, endedAt: new Date().toISOString() };
  await writeFileAtomic(path.join(dir, RUN_FILES.state), JSON.stringify(now, null, 2));
}
