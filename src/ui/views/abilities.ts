/** Words in a row's context value: package.json shows a command where its word stands. */
import type { Run } from "../../run-folder/run.ts";
import type { Interpolation } from "../../runs/interpolations/interpolation.ts";
import { isActive, isLive } from "../../runs/run-status.ts";
import { answeringOfRun } from "../answering.ts";

export function runAbilities(run: Run): string[] {
  const isStoppable = isActive(run.status);
  // A run whose state alone can't be read goes on by its checkpoints.
  const isResumable =
    run.foreign === undefined &&
    (run.problem === undefined || (run.state === undefined && run.recipe !== undefined)) &&
    ["queued", "stopped", "failed", "interrupted"].includes(run.status);
  const answering = run.recipe ? [answeringOfRun(run.recipe)] : [];
  return [
    ...(isStoppable ? ["stoppable"] : []),
    ...(isResumable ? ["resumable"] : []),
    ...(isLive(run.status) ? [] : ["deletable"]),
    ...(run.hasAdapter ? ["hasAdapter"] : []),
    ...(run.hasAdapter || run.hasModel ? ["hasOutput", ...answering] : []),
  ];
}

export function interpolationAbilities({ status, problem, points }: Interpolation): string[] {
  const isStoppable = isActive(status);
  const isContinuable =
    problem === undefined && ["queued", "stopped", "failed", "interrupted"].includes(status);
  return [
    ...(isStoppable ? ["stoppable"] : []),
    ...(isContinuable ? ["resumable"] : []),
    ...(isLive(status) ? [] : ["deletable"]),
    ...(points.length > 0 ? ["hasPoints"] : []),
  ];
}
