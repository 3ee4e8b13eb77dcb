/** One process works on a folder: it takes the lock, then the state of whoever had it before. */
import { hostname } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessState, RUN_FILES } from "../protocol/run-folder.ts";
import { InputError, hasCode } from "../util/errors.ts";
import { currentProcessIdentity } from "../util/process-identity.ts";
import { hasLivingProcess } from "./liveness.ts";
import { type Holder, Lock } from "./lock.ts";

const TIDY_LIMIT_MS = 3_000;
const TIDY_LOOK_MS = 50;

/** What this process alone may write to, from now on. */
export interface Taken<S> {
  state: S;
  lock: Lock;
}

/**
 * Takes a folder over for this process: the lock first, then what its state says.
 * @param options.busy the message's end, e.g. "is training this run already"
 * @throws InputError when another process works on it, or when it can't be read
 */
export async function takeFolder<S extends ProcessState>(
  dir: string,
  { read, busy }: { read: () => Promise<S>; busy: string },
): Promise<Taken<S>> {
  const lock = await takeLock(dir, read);
  if (!(lock instanceof Lock)) throw new InputError(`${dir}: ${describeHolder(lock)} ${busy}`);
  try {
    const state = await read();
    // Other programs that write run folders take no lock.
    if (await hasLivingProcess(state)) {
      const silentMs = Date.now() - Date.parse(state.heartbeatAt ?? "");
      const holder = { process: state.process, silentMs };
      throw new InputError(`${dir}: ${describeHolder(holder)} ${busy}`);
    }
    return { state: await takenOver(state), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A window that tidies up after a killed process has the lock for a moment, and the state then names no live one. */
async function takeLock<S extends ProcessState>(
  dir: string,
  read: () => Promise<S>,
): Promise<Lock | Holder> {
  const deadline = performance.now() + TIDY_LIMIT_MS;
  for (;;) {
    const lock = await Lock.take(path.join(dir, RUN_FILES.lock)).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) throw new InputError(`${dir} does not exist`);
      throw error;
    });
    if (lock instanceof Lock || performance.now() > deadline) return lock;
    if (await hasLivingProcess(await read())) return lock;
    await sleep(TIDY_LOOK_MS);
  }
}

function describeHolder({ process: owner, silentMs }: Holder): string {
  if (owner === undefined) return "another process";
  if (owner.hostname === hostname()) return `process ${owner.pid}`;
  const seconds = Math.round(silentMs / 1000);
  return `process ${owner.pid} of ${owner.hostname} (last heard of ${seconds} s ago)`;
}

/** A state of last time, as this process begins with it. */
async function takenOver<S extends ProcessState>(state: S): Promise<S> {
  const { message: _, endedAt: __, phase: ___, ...kept } = state;
  return {
    ...kept,
    status: "starting",
    process: await currentProcessIdentity(),
    startedAt: state.startedAt ?? new Date().toISOString(),
  } as S;
}
