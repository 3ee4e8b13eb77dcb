/**
 * PID-UNIQUE, for the names of what a process writes and may leave behind when it is killed: UNIQUE says
 * which process of that pid, and of which machine or container, so that nobody takes another's for dead.
 */
import { createHash, randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import {
  UNKNOWN_START,
  currentProcessIdentity,
  hasProcess,
  processIdentity,
} from "./process-identity.ts";

const DIGITS = 8;
const MARK = new RegExp(
  String.raw`^(?<pid>\d+)-(?<place>[0-9a-f]{${DIGITS}})(?<start>[0-9a-f]{${DIGITS}})[0-9a-f]{${DIGITS}}$`,
  "u",
);
/** Decides where a process can't be asked: nobody is silent for so long in the midst of writing. */
const SILENCE_LIMIT_MS = 3_600_000;

type Identity = Pick<
  Awaited<ReturnType<typeof processIdentity>>,
  "pid" | "startedAt" | "pidSpace" | "hostname"
>;

/** Another one at each call. */
export async function processMark(identity?: Identity): Promise<string> {
  const { pid, startedAt, pidSpace, hostname } = identity ?? (await currentProcessIdentity());
  const unique = randomBytes(DIGITS / 2).toString("hex");
  return `${pid}-${digits(pidSpace ?? hostname)}${digits(startedAt)}${unique}`;
}

/**
 * Whether the process that wrote `place`, a file or a folder, is gone. One that can't be asked counts as gone
 * when nothing was written there for an hour.
 */
export async function isAbandoned(place: string, mark: string): Promise<boolean> {
  const { pid, place: where, start } = MARK.exec(mark)?.groups ?? {};
  const now = await processIdentity(Number(pid ?? process.pid));
  if (pid !== undefined && digits(now.pidSpace ?? now.hostname) === where) {
    if (!hasProcess(now.pid)) return true;
    const isTold = now.startedAt !== UNKNOWN_START && start !== digits(UNKNOWN_START);
    if (isTold) return digits(now.startedAt) !== start;
  }
  return Date.now() - (await lastChange(place)) > SILENCE_LIMIT_MS;
}

/** Milliseconds since 1970; of a folder with what lies in it. */
async function lastChange(place: string): Promise<number> {
  const names = await readdir(place).catch(() => []);
  const times = await Promise.all(
    [place, ...names.map((name) => path.join(place, name))].map((each) =>
      stat(each).then(
        ({ ctimeMs }) => ctimeMs,
        () => 0,
      ),
    ),
  );
  return times.reduce((latest, time) => Math.max(latest, time), 0);
}

function digits(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, DIGITS);
}
