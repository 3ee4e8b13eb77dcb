/** A sweep as its folder shows it. Reading never throws: what can't be read becomes `problem`. */
import path from "node:path";
import type { RunStatus } from "../../protocol/run-folder.ts";
import {
  SWEEP_FILES,
  type SweepDefinition,
  type SweepPoint,
  type SweepState,
  sweepSchema,
  sweepStateSchema,
} from "../../protocol/sweep.ts";
import { type LivenessOptions, deriveStatus } from "../../run-folder/liveness.ts";
import { mayBecomeWhole } from "../../run-folder/new-folder.ts";
import { problemOf, readJson, valueOf } from "../../run-folder/read-json.ts";
import { readPoints } from "./points.ts";

export interface Sweep {
  /** Absolute path of the folder; what identifies a sweep. */
  readonly dir: string;
  readonly id: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly state?: SweepState;
  readonly definition?: SweepDefinition;
  /** One line: which file of the folder is broken, and how. */
  readonly problem?: string;
  /** Ascending by alpha. */
  readonly points: readonly SweepPoint[];
}

/** The sweep in `dir`, or undefined when the folder is none (or not yet). */
export async function readSweep(
  dir: string,
  options: LivenessOptions = {},
): Promise<Sweep | undefined> {
  const [state, definition] = await Promise.all([
    readJson(path.join(dir, SWEEP_FILES.state), sweepStateSchema),
    readJson(path.join(dir, SWEEP_FILES.definition), sweepSchema),
  ]);
  if (state === undefined) {
    if (definition === undefined || (await mayBecomeWhole(dir, options.now))) return undefined;
  }
  const problem =
    problemOf(SWEEP_FILES.state, state) ?? problemOf(SWEEP_FILES.definition, definition);
  const stateValue = valueOf(state);
  const definitionValue = valueOf(definition);
  return {
    dir,
    id: path.basename(dir),
    name: definitionValue?.name ?? path.basename(dir),
    status: stateValue ? await deriveStatus(stateValue, options) : "failed",
    ...(stateValue ? { state: stateValue } : {}),
    ...(definitionValue ? { definition: definitionValue } : {}),
    ...(problem === undefined ? {} : { problem }),
    points: await readPoints(dir).catch(() => []),
  };
}
