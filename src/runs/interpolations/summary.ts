/**
 * What an interpolation's points say: the alpha that its validation data recommend, and where the way from
 * base to fine-tune is not straight. The command line prints it, the panel shows it. Tests never
 * recommend: an alpha chosen on a test makes that test worthless.
 */
import type {
  InterpolationData,
  InterpolationFigures,
  InterpolationPoint,
} from "../../protocol/interpolation.ts";
import { largest } from "../../util/largest.ts";

/** In WiSE-FT (arXiv 2109.01903) for when no validation data is at hand. */
export const DEFAULT_ALPHA = 0.5;
/** Less than this, in nats, is rounding. */
const MIN_BARRIER = 1e-3;

export interface Recommendation {
  alpha: number;
  /** Names of the validation data. */
  by: string[];
  metric: "accuracy" | "loss";
  /** Mean over the validation data. */
  value: number;
}

export interface Barrier {
  data: string;
  alpha: number;
  /** How far the loss is above the straight line between its ends (arXiv 1912.05671). */
  height: number;
  /** Worse there than at either end. */
  isWorseThanBoth: boolean;
}

export interface InterpolationSummary {
  recommended?: Recommendation;
  barriers: Barrier[];
  /** One sentence: what is recommended and why, or why nothing is. */
  advice: string;
  /** One sentence for each data set that says less than it seems to, and for each barrier. */
  warnings: string[];
}

/** @param alphas all that the interpolation computes; what has no point yet is still to come */
export function summariseInterpolation(
  { data, alphas }: { data: readonly InterpolationData[]; alphas: readonly number[] },
  unsorted: readonly InterpolationPoint[],
): InterpolationSummary {
  const points = unsorted.toSorted((a, b) => a.alpha - b.alpha);
  const names = data.filter(({ role }) => role === "validation").map(({ name }) => name);
  const recommended = recommend(points, names);
  const missing = alphas.filter((alpha) => !points.some((point) => point.alpha === alpha)).length;
  const hasEnds =
    points[0]?.alpha === -largest(alphas.map((alpha) => -alpha)) &&
    points.at(-1)?.alpha === largest(alphas);
  const barriers = hasEnds ? data.flatMap(({ name }) => barrierOf(points, name)) : [];
  return {
    ...(recommended === undefined ? {} : { recommended }),
    barriers,
    advice: advise(recommended, names, missing),
    warnings: [
      ...data.filter(({ isTrainingData }) => isTrainingData).map(describeTrainingData),
      ...barriers.map(describeBarrier),
    ],
  };
}

/** The least change that is as good as the best: of equals the smaller alpha. */
function recommend(
  points: readonly InterpolationPoint[],
  names: readonly string[],
): Recommendation | undefined {
  if (names.length === 0 || points.length === 0) return undefined;
  const all = points.flatMap(({ results }) => names.map((name) => results[name]));
  const isLabelled = all.every((figures) => figures?.macroF1 !== undefined);
  const metric = isLabelled ? "accuracy" : "loss";
  const mean = ({ results }: InterpolationPoint): number =>
    names.reduce((sum, name) => sum + (results[name]?.[metric] ?? NaN), 0) / names.length;
  const isBetter = (a: number, b: number): boolean =>
    Number.isNaN(b) || (isLabelled ? a > b : a < b);
  let best: Recommendation | undefined;
  for (const point of points) {
    const value = mean(point);
    if (Number.isNaN(value)) continue;
    if (best === undefined || isBetter(value, best.value)) {
      best = { alpha: point.alpha, by: [...names], metric, value };
    }
  }
  return best;
}

function advise(
  recommended: Recommendation | undefined,
  names: readonly string[],
  missing: number,
): string {
  if (names.length === 0) {
    return `Without validation data nothing is recommended: a test may not choose. The paper's default is alpha ${DEFAULT_ALPHA}.`;
  }
  if (recommended === undefined) return "The first point is still to come.";
  const { alpha, metric, value, by } = recommended;
  const best = metric === "accuracy" ? "highest accuracy" : "lowest loss";
  const figure = metric === "accuracy" ? percent(value) : value.toFixed(4);
  const soFar = missing > 0 ? `, with ${missing} still to come` : "";
  const end =
    missing > 0
      ? ""
      : alpha === 0
        ? " That is the base: tuning did not help it."
        : alpha === 1
          ? " That is the fine-tune itself."
          : "";
  return `Alpha ${alpha}: the ${best} (${figure}) on ${by.join(" and ")}${soFar}.${end}`;
}

function barrierOf(points: readonly InterpolationPoint[], data: string): Barrier[] {
  const lossAt = (point: InterpolationPoint | undefined): number =>
    figuresOf(point, data)?.loss ?? NaN;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first === last) return [];
  let highest: Barrier = { data, alpha: 0, height: 0, isWorseThanBoth: false };
  for (const point of points) {
    const share = (point.alpha - first.alpha) / (last.alpha - first.alpha);
    const height = lossAt(point) - ((1 - share) * lossAt(first) + share * lossAt(last));
    if (height <= highest.height) continue;
    const isWorseThanBoth = lossAt(point) > Math.max(lossAt(first), lossAt(last));
    highest = { data, alpha: point.alpha, height, isWorseThanBoth };
  }
  return highest.height > MIN_BARRIER ? [highest] : [];
}

function figuresOf(
  point: InterpolationPoint | undefined,
  data: string,
): InterpolationFigures | undefined {
  return point?.results[data];
}

function describeTrainingData({ name, role }: InterpolationData): string {
  const harm =
    role === "validation"
      ? "of course they prefer alpha 1, so its recommendation is worth nothing"
      : "a test on them tells what was learnt by heart";
  return `${name}: the fine-tune was trained on these rows; ${harm}. Take rows that it has not seen.`;
}

function describeBarrier({ data, alpha, height, isWorseThanBoth }: Barrier): string {
  const rise = `at alpha ${alpha} its loss is ${height.toFixed(4)} above the straight line between its ends`;
  const worse = isWorseThanBoth ? ", and worse than at either end" : "";
  return `${data}: there is a barrier on the way, ${rise}${worse}.`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
