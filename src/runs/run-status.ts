/** What a run's stored status means now: a live status whose process is gone is `interrupted`. */
import { hostname } from "node:os";
import {
  HEARTBEAT_INTERVAL_MS,
  LIVE_STATUSES,
  type ProcessIdentity,
  type RunState,
  type RunStatus,
} from "../protocol/run-folder.ts";
import { isProcessAlive } from "../util/process-identity.ts";

/** Twelve missed heartbeats: a busy network drive is late, a dead machine stays silent. */
const SILENCE_LIMIT_MS = 12 * HEARTBEAT_INTERVAL_MS;

export interface StatusOptions {
  now?: number;
  host?: string;
  isAlive?: (identity: ProcessIdentity) => boolean | Promise<boolean>;
}

export function isLive(status: RunStatus): boolean {
  return LIVE_STATUSES.includes(status);
}

/** Active runs are those that have yet to end, the waiting ones among them. */
export function isActive(status: RunStatus): boolean {
  return isLive(status) || status === "queued";
}

/**
 * On this machine the process itself is asked; a run of another machine (a copied or shared folder)
 * counts as gone when its heartbeat is old.
 */
export async function deriveStatus(
  state: Pick<RunState, "status" | "process" | "heartbeatAt" | "startedAt" | "createdAt">,
  options: StatusOptions = {},
): Promise<RunStatus> {
  if (!isLive(state.status)) return state.status;
  const { now = Date.now(), host = hostname(), isAlive = isProcessAlive } = options;
  if (state.process?.hostname === host) {
    return (await isAlive(state.process)) ? state.status : "interrupted";
  }
  const lastSign = state.heartbeatAt ?? state.startedAt ?? state.createdAt;
  return now - Date.parse(lastSign) > SILENCE_LIMIT_MS ? "interrupted" : state.status;
}
