/**
 * What `retune train` and the child process that trains for it tell each other, over Node's channel
 * between parent and child. The child ends in good order when the channel closes: its parent was killed.
 */
export type ToTrainer =
  /** Finish the step, save, and end. */
  | { type: "stop" }
  /** Say so in the state, and die of this signal. */
  | { type: "end at once"; signal: NodeJS.Signals };

export type FromTrainer =
  /** Requests are heard from now on; `dir` is the run's folder. */
  | { type: "listening"; dir: string }
  /** It was asked to stop, and its loop turns. */
  | { type: "stopping" };

export const SUPERVISED = "RETUNE_SUPERVISED";

/** Whether this process has a parent that hears the terminal's signals for it. */
export function isSupervised(): boolean {
  return process.env[SUPERVISED] === "1" && process.connected === true;
}
