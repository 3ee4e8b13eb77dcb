/** What can be drawn of an interpolation: figures, data sets, and means over the sets of one role. Pure. */
import type {
  DataRole,
  InterpolationData,
  InterpolationPoint,
} from "../../src/protocol/interpolation.ts";
import { formatNumber, formatShare, formatValue } from "../shared/format.ts";

export interface Metric {
  /** As points.jsonl has it. */
  key: string;
  label: string;
  /** A share in [0, 1], shown as a percentage. */
  isShare: boolean;
  isLessBetter: boolean;
}

const METRICS: readonly Metric[] = [
  { key: "accuracy", label: "Accuracy", isShare: true, isLessBetter: false },
  { key: "macroF1", label: "Macro-F1", isShare: true, isLessBetter: false },
  { key: "exactMatch", label: "Exact match", isShare: true, isLessBetter: false },
  { key: "loss", label: "Loss", isShare: false, isLessBetter: true },
  { key: "perplexity", label: "Perplexity", isShare: false, isLessBetter: true },
];

/** One data set, or the mean over those of one role. */
export interface Measure {
  /** Kept as the person's choice: "data:mails" or "mean:shifted". */
  id: string;
  label: string;
  names: readonly string[];
}

/** Figures that some point has, in the order of METRICS. */
export function metricsOf(points: readonly InterpolationPoint[]): Metric[] {
  const keys = new Set(
    points.flatMap(({ results }) =>
      Object.values(results).flatMap((figures) =>
        Object.keys(figures).filter((key) => typeof figures[key] === "number"),
      ),
    ),
  );
  return METRICS.filter(({ key }) => keys.has(key));
}

/** Rows with labels are judged by what is labelled right, texts by their loss. */
export function defaultMetric(points: readonly InterpolationPoint[]): string {
  const isLabelled = points.some(({ results }) =>
    Object.values(results).some((figures) => figures.macroF1 !== undefined),
  );
  return isLabelled ? "accuracy" : "loss";
}

const ROLE_LABELS: Record<DataRole, string> = {
  "in-distribution": "in-distribution",
  shifted: "shifted",
  validation: "validation",
};

export function measuresOf(data: readonly InterpolationData[]): Measure[] {
  const means = (["in-distribution", "shifted"] as const).flatMap((role): Measure[] => {
    const names = data.filter((each) => each.role === role).map(({ name }) => name);
    if (names.length < 2) return [];
    return [{ id: `mean:${role}`, label: `mean of ${names.length} ${ROLE_LABELS[role]}`, names }];
  });
  return [
    ...means,
    ...data.map(({ name, role }) => ({
      id: `data:${name}`,
      label: `${name} (${ROLE_LABELS[role]})`,
      names: [name],
    })),
  ];
}

/** The axes of the two-axis curve: in-distribution against shifted, as far as there are such data. */
export function defaultAxes(
  data: readonly InterpolationData[],
): { x: Measure; y: Measure } | undefined {
  const measures = measuresOf(data);
  const first = (role: DataRole): Measure | undefined => {
    const named = data.find((each) => each.role === role);
    return (
      measures.find(({ id }) => id === `mean:${role}`) ??
      measures.find(({ id }) => named !== undefined && id === `data:${named.name}`)
    );
  };
  const x = first("in-distribution") ?? first("validation");
  const y =
    first("shifted") ?? measures.find(({ id, names }) => id !== x?.id && names.length === 1);
  return x && y && x.id !== y.id ? { x, y } : undefined;
}

/** Undefined where one of the measure's data sets has no such figure. */
export function valueAt(
  { results }: InterpolationPoint,
  { names }: Pick<Measure, "names">,
  metric: string,
): number | undefined {
  let sum = 0;
  for (const name of names) {
    const value = results[name]?.[metric];
    if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
    sum += value;
  }
  return names.length === 0 ? undefined : sum / names.length;
}

export function formatFigure(value: number | undefined, { isShare }: Metric): string {
  if (value === undefined) return "–";
  return isShare ? formatShare(value) : formatValue(value);
}

/** As short as it goes. */
export function formatTick(value: number, { isShare }: Metric): string {
  return isShare ? formatShare(value) : formatNumber(value);
}

/** The alpha of these that is nearest. */
export function nearestAlpha(
  points: readonly InterpolationPoint[],
  alpha: number,
): number | undefined {
  let best: number | undefined;
  for (const point of points) {
    if (best === undefined || Math.abs(point.alpha - alpha) < Math.abs(best - alpha)) {
      best = point.alpha;
    }
  }
  return best;
}
