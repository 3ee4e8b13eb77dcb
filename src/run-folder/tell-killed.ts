/** The last word on a process that could not say it itself. */
import { appendFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { RUN_FILES, type RunStatus } from "../protocol/run-folder.ts";
import { withLock } from "./lock.ts";
import { endTornLine } from "../util/torn-line.ts";
import { removeWhatWasLeft } from "./leftovers.ts";

interface Killed {
  readonly dir: string;
  readonly state?: object;
}

/** A window that tidies up has the lock for a moment. */
const LOCK_LIMIT_MS = 3_000;

/**
 * Only for a folder whose process is gone; one that another process goes on with already is left to it.
 * @param subject "the training process"
 * @returns what its state says now
 */
export async function tellKilled(item: Killed, subject: string): Promise<string> {
  const message = `stopped: ${subject} did not end by itself and was killed; what it had saved is there`;
  const log = path.join(item.dir, RUN_FILES.log);
  const tell = async (): Promise<void> => {
    await removeWhatWasLeft(item.dir).catch(() => undefined);
    await endTornLine(log)
      .then(() => appendFile(log, `${new Date().toISOString()} ${message}\n`))
      .catch(() => undefined);
    await writeState(item, { status: "stopped", message });
  };
  await withLock(path.join(item.dir, RUN_FILES.lock), tell, LOCK_LIMIT_MS);
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
