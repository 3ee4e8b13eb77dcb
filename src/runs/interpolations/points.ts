/** points.jsonl: what of it is whole. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import {
  INTERPOLATION_FILES,
  type InterpolationPoint,
  interpolationPointSchema,
} from "../../protocol/interpolation.ts";
import { hasCode } from "../../util/errors.ts";
import { parseJson } from "../../util/json.ts";

/** Ascending; a line that a crash left broken is skipped, of two with one alpha the later counts. */
export async function readPoints(interpolationDir: string): Promise<InterpolationPoint[]> {
  const file = path.join(interpolationDir, INTERPOLATION_FILES.points);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
  const points = new Map<number, InterpolationPoint>();
  // What follows the last newline is not written whole yet.
  for (const line of text.split("\n").slice(0, -1)) {
    const point = parsePoint(line);
    if (point) points.set(point.alpha, point);
  }
  return [...points.values()].toSorted((a, b) => a.alpha - b.alpha);
}

function parsePoint(line: string): InterpolationPoint | undefined {
  try {
    return interpolationPointSchema.safeParse(parseJson(line, INTERPOLATION_FILES.points)).data;
  } catch {
    return undefined;
  }
}
