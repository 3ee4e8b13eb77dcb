/** A model evaluated at every alpha between a base and what it was tuned to. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { print } from "./command.ts";
import { evaluateFile } from "./evaluate-file.ts";
import type { Mix } from "./interpolate.ts";

const MAX_POINTS = 101;
/** 0.1 + 0.2 is not 0.3; nobody means more digits. */
const DIGITS = 6;

export interface Point {
  alpha: number;
  /** By the name of the data. */
  results: Readonly<Record<string, { loss: number; accuracy?: number; macroF1?: number }>>;
}

export interface Summary {
  /** By the loss, or where all have one the accuracy, of the data that may choose. */
  recommended?: { alpha: number; by: string };
  /** How far the loss rises above the straight line between its ends (arXiv 1912.05671), where it does. */
  barriers: Readonly<Record<string, { alpha: number; height: number }>>;
}

/** @throws InputError for anything but three numbers from 0 to 1 */
export function parseSweep(text: string): number[] {
  const [from = NaN, to = NaN, step = NaN, ...rest] = text.split(":").map(Number);
  const isFine = from >= 0 && to <= 1 && from <= to && step > 0 && rest.length === 0;
  const count = isFine ? Math.floor((to - from) / step + 1e-9) + 1 : 0;
  if (count < 1 || count > MAX_POINTS) {
    throw new InputError(
      `--sweep must be FROM:TO:STEP within 0 and 1 and of at most ${MAX_POINTS} points, found "${text}"`,
    );
  }
  return Array.from({ length: count }, (_, index) => Number((from + index * step).toFixed(DIGITS)));
}

/** @throws InputError for models that can't be mixed, and for data that can't be read */
export async function sweep({
  mix,
  alphas,
  files,
  maxLength,
  log,
}: {
  mix: Mix;
  alphas: readonly number[];
  files: readonly { name: string; file: string }[];
  maxLength: number | undefined;
  log: (line: string) => void;
}): Promise<Point[]> {
  if (files.length === 0) throw new InputError("--eval NAME=FILE is missing");
  const points: Point[] = [];
  for (const alpha of alphas) {
    const folder = await mkdtemp(path.join(tmpdir(), "retune-sweep-"));
    try {
      const baseDir = path.join(folder, "model");
      await mix(alpha, baseDir);
      const results: Record<string, Point["results"][string]> = {};
      for (const { name, file } of files) {
        const device = "auto" as const;
        const shared = { baseDir, dataFile: file, maxLength, lossOn: "auto", device } as const;
        results[name] = figures(await evaluateFile({ ...shared, log: () => {} }));
      }
      points.push({ alpha, results });
      const shown = Object.entries(results).map(([name, { loss }]) => `${name} ${loss.toFixed(4)}`);
      log(`alpha ${alpha}: loss ${shown.join(", ")}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return points;
}

function figures(result: Awaited<ReturnType<typeof evaluateFile>>): Point["results"][string] {
  if (result.kind === "tokens") return { loss: result.loss, accuracy: result.accuracy };
  const { evaluation } = result;
  if (evaluation.problem === "regression") return { loss: evaluation.loss };
  const { loss, accuracy, macroF1 } = evaluation;
  return { loss, accuracy, macroF1 };
}

/** @param choose the data that may recommend an alpha */
export function summarise(points: readonly Point[], choose: string | undefined): Summary {
  const names = Object.keys(points[0]?.results ?? {});
  if (choose !== undefined && !names.includes(choose)) {
    throw new InputError(`--choose ${choose} is none of the data: ${names.join(", ")}`);
  }
  const barriers = names.flatMap((name) => {
    const barrier = barrierOf(points, name);
    return barrier ? [[name, barrier] as const] : [];
  });
  const recommended = choose === undefined ? undefined : recommend(points, choose);
  return {
    ...(recommended === undefined ? {} : { recommended: { alpha: recommended, by: choose ?? "" } }),
    barriers: Object.fromEntries(barriers),
  };
}

/** The least change that is as good as the best: of equals the smaller alpha. */
function recommend(points: readonly Point[], name: string): number | undefined {
  const isLabelled = points.every(({ results }) => results[name]?.macroF1 !== undefined);
  const badness = ({ results }: Point): number =>
    isLabelled ? -(results[name]?.accuracy ?? 0) : (results[name]?.loss ?? Infinity);
  const [first, ...rest] = points;
  if (!first) return undefined;
  return rest.reduce((best, point) => (badness(point) < badness(best) ? point : best), first).alpha;
}

function barrierOf(
  points: readonly Point[],
  name: string,
): { alpha: number; height: number } | undefined {
  const lossAt = (point: Point | undefined): number => point?.results[name]?.loss ?? NaN;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first === last) return undefined;
  let highest = { alpha: 0, height: 0 };
  for (const point of points) {
    const share = (point.alpha - first.alpha) / (last.alpha - first.alpha);
    const height = lossAt(point) - ((1 - share) * lossAt(first) + share * lossAt(last));
    if (height > highest.height) highest = { alpha: point.alpha, height };
  }
  // Rounding is no barrier.
  return highest.height > 1e-3 ? highest : undefined;
}

export function printSweep(points: readonly Point[], { recommended, barriers }: Summary): void {
  const names = Object.keys(points[0]?.results ?? {});
  const head = names.flatMap((name) => [`${name} loss`, `${name} accuracy`]);
  print(["alpha", ...head].join("\t"));
  for (const { alpha, results } of points) {
    const cells = names.flatMap((name) => {
      const { loss, accuracy } = results[name] ?? { loss: NaN };
      return [loss.toFixed(4), accuracy?.toFixed(4) ?? ""];
    });
    print([String(alpha), ...cells].join("\t"));
  }
  for (const [name, { alpha, height }] of Object.entries(barriers)) {
    print(`${name}: the path is not straight, its loss rises by ${height.toFixed(4)} at ${alpha}`);
  }
  if (recommended) print(`recommended: alpha ${recommended.alpha}, by ${recommended.by}`);
}
