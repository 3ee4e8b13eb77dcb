/** An interpolation as its folder shows it. Reading never throws: what can't be read becomes `problem`. */
import path from "node:path";
import type { RunStatus } from "../../protocol/run-folder.ts";
import {
  INTERPOLATION_FILES,
  type InterpolationDefinition,
  type InterpolationPoint,
  type InterpolationState,
  interpolationSchema,
  interpolationStateSchema,
} from "../../protocol/interpolation.ts";
import { type LivenessOptions, deriveStatus } from "../../run-folder/liveness.ts";
import { mayBecomeWhole } from "../../run-folder/new-folder.ts";
import { problemOf, readJson, valueOf } from "../../run-folder/read-json.ts";
import { definitionFile } from "./definition-file.ts";
import { readPoints } from "./points.ts";

export interface Interpolation {
  /** Absolute path of the folder; what identifies an interpolation. */
  readonly dir: string;
  readonly id: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly state?: InterpolationState;
  readonly definition?: InterpolationDefinition;
  /** One line: which file of the folder is broken, and how. */
  readonly problem?: string;
  /** Ascending by alpha. */
  readonly points: readonly InterpolationPoint[];
}

/** The interpolation in `dir`, or undefined when the folder is none (or not yet). */
export async function readInterpolation(
  dir: string,
  options: LivenessOptions = {},
): Promise<Interpolation | undefined> {
  const definitionName = await definitionFile(dir);
  const [state, definition] = await Promise.all([
    readJson(path.join(dir, INTERPOLATION_FILES.state), interpolationStateSchema),
    readJson(path.join(dir, definitionName), interpolationSchema),
  ]);
  if (state === undefined) {
    if (definition === undefined || (await mayBecomeWhole(dir, options.now))) return undefined;
  }
  const problem =
    problemOf(INTERPOLATION_FILES.state, state) ?? problemOf(definitionName, definition);
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
