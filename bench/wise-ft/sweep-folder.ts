/** A sweep's folder as src/protocol/sweep.ts has it, written at once or read. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  SWEEP_FILES,
  type SweepDefinition,
  type SweepPoint,
  type SweepState,
  sweepPointSchema,
  sweepSchema,
} from "../../src/protocol/sweep.ts";
import { readPoints } from "../../src/runs/sweeps/points.ts";

export const OUT = path.join(import.meta.dirname, "../../out/bench/wise-ft");

/** What a bench says of its sweep; the rest is the same for all. */
export type Sweep = Pick<SweepDefinition, "name" | "base" | "tuned" | "maxLength"> & {
  data: readonly SweepDefinition["data"][number][];
};

/** @throws ZodError for what is no sweep */
export function writeSweep(dir: string, sweep: Sweep, points: readonly SweepPoint[]): void {
  const createdAt = new Date().toISOString();
  const alphas = points.map(({ alpha }) => alpha);
  const definition = sweepSchema.parse({ version: 1, ...sweep, alphas, createdAt });
  const state: SweepState = { status: "finished", createdAt, endedAt: createdAt };
  const lines = points.map((point) => `${JSON.stringify(sweepPointSchema.parse(point))}\n`);
  mkdirSync(dir, { recursive: true });
  const write = (file: string, text: string): void => writeFileSync(path.join(dir, file), text);
  write(SWEEP_FILES.definition, JSON.stringify(definition, null, 2));
  write(SWEEP_FILES.points, lines.join(""));
  write(SWEEP_FILES.state, JSON.stringify(state, null, 2));
}

export async function readSweep(
  dir: string,
): Promise<{ sweep: SweepDefinition; points: readonly SweepPoint[] }> {
  const text = readFileSync(path.join(dir, SWEEP_FILES.definition), "utf8");
  return { sweep: sweepSchema.parse(JSON.parse(text)), points: await readPoints(dir) };
}
