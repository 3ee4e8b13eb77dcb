import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 60_000;
const POLL_MS = 20;

/** Polls until it is there. @throws naming `what` was waited for when time is up */
export async function until(
  isThere: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  for (const deadline = Date.now() + LIMIT_MS; !(await isThere()); await sleep(POLL_MS)) {
    assert.ok(Date.now() < deadline, `waited for ${what}`);
  }
}
