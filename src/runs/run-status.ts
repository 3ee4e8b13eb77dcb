/** Groups of a run's statuses. */
import { LIVE_STATUSES, type RunStatus } from "../protocol/run-folder.ts";

export function isLive(status: RunStatus): boolean {
  return LIVE_STATUSES.includes(status);
}

/** Active runs are those that have yet to end, the waiting ones among them. */
export function isActive(status: RunStatus): boolean {
  return isLive(status) || status === "queued";
}
