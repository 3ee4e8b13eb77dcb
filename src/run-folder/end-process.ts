/**
 * The end of a process that was asked to stop and does not answer: stuck in one call, it neither reads
 * control.json nor hears a signal. It is asked, then told, then killed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessIdentity } from "../protocol/run-folder.ts";
import { processFate } from "../util/process-identity.ts";

export interface StopLimits {
  /** From the request to SIGTERM; an answer is the status `stopping`, which a step may take a while to reach. */
  answerMs: number;
  /** From SIGTERM to SIGKILL. */
  termMs: number;
}

export const STOP_LIMITS: StopLimits = { answerMs: 30_000, termMs: 10_000 };

const LOOK_MS = 250;
/** A killed process is gone at once, but for one that waits for its disk. */
const GONE_LIMIT_MS = 10_000;

export type End = "answered" | "ended" | "killed" | "out of reach";

/**
 * @param owner the one to end; another under its pid is never touched
 * @param hasAnswered whether it has said meanwhile that it stops
 */
export async function endProcess(
  owner: ProcessIdentity,
  hasAnswered: () => Promise<boolean>,
  { answerMs, termMs }: StopLimits,
): Promise<End> {
  const until = async (limitMs: number, mayAnswer: boolean): Promise<End | undefined> => {
    for (const deadline = Date.now() + limitMs; ; await sleep(LOOK_MS)) {
      const fate = await processFate(owner);
      if (fate !== "alive") return fate === "gone" ? "ended" : "out of reach";
      if (mayAnswer && (await hasAnswered())) return "answered";
      if (Date.now() >= deadline) return undefined;
    }
  };
  const answer = await until(answerMs, true);
  if (answer !== undefined) return answer;
  send(owner.pid, "SIGTERM");
  const end = await until(termMs, true);
  if (end !== undefined) return end;
  send(owner.pid, "SIGKILL");
  return (await until(GONE_LIMIT_MS, false)) === "ended" ? "killed" : "out of reach";
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone this moment, or another account's: the next look tells.
  }
}
