/** An interpolation's folder as src/protocol/interpolation.ts has it, written at once or read. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  INTERPOLATION_FILES,
  type InterpolationDefinition,
  type InterpolationPoint,
  type InterpolationState,
  interpolationPointSchema,
  interpolationSchema,
} from "../../src/protocol/interpolation.ts";
import { readPoints } from "../../src/runs/interpolations/points.ts";

export const OUT = path.join(import.meta.dirname, "../../out/bench/wise-ft");

/** What a bench says of its interpolation; the rest is the same for all. */
export type Interpolation = Pick<
  InterpolationDefinition,
  "name" | "base" | "tuned" | "maxLength"
> & {
  data: readonly InterpolationDefinition["data"][number][];
};

/** @throws ZodError for what is no interpolation */
export function writeInterpolation(
  dir: string,
  interpolation: Interpolation,
  points: readonly InterpolationPoint[],
): void {
  const createdAt = new Date().toISOString();
  const alphas = points.map(({ alpha }) => alpha);
  const definition = interpolationSchema.parse({ version: 1, ...interpolation, alphas, createdAt });
  const state: InterpolationState = { status: "finished", createdAt, endedAt: createdAt };
  const lines = points.map((point) => `${JSON.stringify(interpolationPointSchema.parse(point))}\n`);
  mkdirSync(dir, { recursive: true });
  const write = (file: string, text: string): void => writeFileSync(path.join(dir, file), text);
  write(INTERPOLATION_FILES.definition, JSON.stringify(definition, null, 2));
  write(INTERPOLATION_FILES.points, lines.join(""));
  write(INTERPOLATION_FILES.state, JSON.stringify(state, null, 2));
}

export async function readInterpolation(
  dir: string,
): Promise<{ interpolation: InterpolationDefinition; points: readonly InterpolationPoint[] }> {
  const text = readFileSync(path.join(dir, INTERPOLATION_FILES.definition), "utf8");
  return {
    interpolation: interpolationSchema.parse(JSON.parse(text)),
    points: await readPoints(dir),
  };
}
