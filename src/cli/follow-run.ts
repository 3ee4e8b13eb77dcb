/** A run that its engine executes elsewhere: started, watched in its folder, and asked to stop, as a window does it. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Metric, RUN_FILES, type RunState } from "../protocol/run-folder.ts";
import { MetricsTail } from "../run-folder/metrics-tail.ts";
import type { Run } from "../run-folder/run.ts";
import { readEngineRun } from "../runs/engine-status.ts";
import { RunActions } from "../runs/run-actions.ts";
import { isActive } from "../runs/run-status.ts";
import type { TrainOutcome, TrainRunOptions } from "../trainer/train-run.ts";
import { InputError, errorMessage } from "../util/errors.ts";
import { PROGRAMS } from "./programs.ts";

type FollowOptions = Pick<TrainRunOptions, "signals" | "onMetric" | "onPhase" | "onNote">;

const LOOK_MS = 250;

/**
 * Until the run has ended, however that is; its process outlives this one.
 * @throws InputError when the folder is no run, has finished, or is being trained already
 */
export async function followRun(runDir: string, options: FollowOptions): Promise<TrainOutcome> {
  const { signals, onNote } = options;
  const tail = new MetricsTail(path.join(runDir, RUN_FILES.metrics));
  // What a run that goes on has told already.
  await readAll(tail);
  const before = (await readEngineRun(runDir))?.state?.endedAt;
  let hasExited = false;
  const actions = new RunActions({ programs: PROGRAMS, onExit: () => (hasExited = true) });
  await actions.start(runDir);
  const stop = (): void => {
    actions.stop(runDir).catch((error: unknown) => onNote?.(errorMessage(error)));
  };
  if (signals.stop.aborted) stop();
  else signals.stop.addEventListener("abort", stop);
  let phase: string | undefined;
  let hasBegun = false;
  for (;;) {
    const run = await readEngineRun(runDir);
    if (!run) throw new InputError(`${runDir} was removed while it was trained`);
    const metrics = await readAll(tail);
    if (run.state) phase = tellProgress(run.state, { metrics, phase }, options);
    // One that goes on says first what it said last time.
    hasBegun ||= hasExited || isActive(run.status) || run.state?.endedAt !== before;
    if (hasBegun && !isActive(run.status)) return outcomeOf(run);
    await sleep(LOOK_MS);
  }
}

/**
 * @param now the metrics that are new, and the phase that was told last
 * @returns the phase that has been told
 */
function tellProgress(
  state: RunState,
  now: { metrics: readonly Metric[]; phase: string | undefined },
  { onMetric, onPhase }: FollowOptions,
): string | undefined {
  if (state.phase !== undefined && state.phase !== now.phase) onPhase?.(state.phase);
  for (const metric of now.metrics) onMetric?.(metric, state);
  return state.phase;
}

async function readAll(tail: MetricsTail) {
  const first = await tail.read();
  const metrics = [...first.metrics];
  for (let { more } = first; more;) {
    const next = await tail.read();
    for (const metric of next.metrics) metrics.push(metric);
    ({ more } = next);
  }
  return metrics;
}

function outcomeOf({ dir, state, status, problem, hasAdapter, hasModel }: Run): TrainOutcome {
  const result = hasAdapter ? RUN_FILES.adapter : hasModel ? RUN_FILES.model : undefined;
  return {
    state: endState(state, status, problem),
    ...(result === undefined ? {} : { result: path.join(dir, result) }),
    refused: false,
    isAbandoned: false,
  };
}

function endState(
  state: RunState | undefined,
  status: Run["status"],
  problem: string | undefined,
): RunState {
  if (!state) throw new InputError(problem ?? "its state can't be read");
  if (status !== "interrupted") return state;
  const message = "its process ended without a word; resume goes on from the last checkpoint";
  return { ...state, status: "failed", message };
}
