/**
 * The one rule of who still works on a folder. Where a process can be asked, it is asked; of another
 * machine or container its heartbeat is asked.
 */
import {
  HEARTBEAT_INTERVAL_MS,
  LIVE_STATUSES,
  type ProcessIdentity,
  type RunState,
  type RunStatus,
} from "../protocol/run-folder.ts";
import { processFate } from "../util/process-identity.ts";

/** Twelve missed heartbeats: a busy network drive is late, a dead machine stays silent. */
export const SILENCE_LIMIT_MS = 12 * HEARTBEAT_INTERVAL_MS;

export interface LivenessOptions {
  /** Milliseconds since 1970, by the clock that the heartbeat was written by. */
  now?: number;
  fateOf?: typeof processFate;
}

/** @param lastSign when the process was last heard of, in milliseconds since 1970 */
export async function isAlive(
  identity: ProcessIdentity | undefined,
  lastSign: number,
  { now = Date.now(), fateOf = processFate }: LivenessOptions = {},
): Promise<boolean> {
  const fate = identity === undefined ? "unknown" : await fateOf(identity);
  return fate === "unknown" ? now - lastSign <= SILENCE_LIMIT_MS : fate === "alive";
}

type Signs = Pick<RunState, "status" | "process" | "heartbeatAt"> &
  Partial<Pick<RunState, "startedAt" | "createdAt">>;

/** Whether the process that a state speaks of still works. */
export async function hasLivingProcess(
  state: Signs,
  options: LivenessOptions = {},
): Promise<boolean> {
  if (!LIVE_STATUSES.includes(state.status)) return false;
  const lastSign = state.heartbeatAt ?? state.startedAt ?? state.createdAt;
  return isAlive(state.process, lastSign === undefined ? 0 : Date.parse(lastSign), options);
}

/** What a stored status means now: a live one whose process is gone is `interrupted`. */
export async function deriveStatus(
  state: Signs,
  options: LivenessOptions = {},
): Promise<RunStatus> {
  if (!LIVE_STATUSES.includes(state.status)) return state.status;
  return (await hasLivingProcess(state, options)) ? state.status : "interrupted";
}
