/** points.jsonl: what of it is whole. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { SWEEP_FILES, type SweepPoint, sweepPointSchema } from "../../protocol/sweep.ts";
import { hasCode } from "../../util/errors.ts";
import { parseJson } from "../../util/json.ts";

/** Ascending; a line that a crash left broken is skipped, of two with one alpha the later counts. */
export async function readPoints(sweepDir: string): Promise<SweepPoint[]> {
  const file = path.join(sweepDir, SWEEP_FILES.points);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
  const points = new Map<number, SweepPoint>();
  // What follows the last newline is not written whole yet.
  for (const line of text.split("\n").slice(0, -1)) {
    const point = parsePoint(line);
    if (point) points.set(point.alpha, point);
  }
  return [...points.values()].toSorted((a, b) => a.alpha - b.alpha);
}

function parsePoint(line: string): SweepPoint | undefined {
  try {
    return sweepPointSchema.safeParse(parseJson(line, SWEEP_FILES.points)).data;
  } catch {
    return undefined;
  }
}
