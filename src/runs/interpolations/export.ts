/** An interpolation's points for other programs. */
import type {
  InterpolationDefinition,
  InterpolationFigures,
  InterpolationPoint,
} from "../../protocol/interpolation.ts";
import { csvLines } from "../../util/csv.ts";
import { summariseInterpolation } from "./summary.ts";

/** One row for each alpha and data set (RFC 4180); a figure that a task has not is left empty. */
export function interpolationCsv(
  { data }: InterpolationDefinition,
  points: readonly InterpolationPoint[],
): string {
  const figures = figureNames(points);
  const rows = points.flatMap(({ alpha, results }) =>
    data.map(({ name, role }) => {
      const result: InterpolationFigures | undefined = results[name];
      return [alpha, name, role, ...figures.map((figure) => cellOf(result?.[figure]))];
    }),
  );
  return csvLines([["alpha", "data", "role", ...figures], ...rows]);
}

export function interpolationJson(
  definition: InterpolationDefinition,
  points: readonly InterpolationPoint[],
): string {
  const summary = summariseInterpolation(definition, points);
  return `${JSON.stringify({ ...definition, points, summary }, null, 2)}\n`;
}

/** Every figure that is a number somewhere, in the order of their first appearance. */
function figureNames(points: readonly InterpolationPoint[]): string[] {
  const names = points.flatMap(({ results }) =>
    Object.values(results).flatMap((figures) =>
      Object.entries(figures).flatMap(([name, value]) => (typeof value === "number" ? [name] : [])),
    ),
  );
  return [...new Set(names)];
}

/** A newer version's figure may be anything. */
function cellOf(value: unknown): number | string | undefined {
  return typeof value === "number" || typeof value === "string" ? value : undefined;
}
