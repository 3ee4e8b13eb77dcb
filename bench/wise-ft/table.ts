import type { InterpolationData, InterpolationPoint } from "../../src/protocol/interpolation.ts";
import { percent, printRow } from "../methods/measure.ts";

/** As Markdown: accuracy on every data set at every alpha, then what validation chooses and what that gives. */
export function printInterpolationTable(
  data: readonly InterpolationData[],
  points: readonly InterpolationPoint[],
): void {
  printRow(["alpha", ...data.map(({ name }) => name)]);
  printRow(["---:", ...data.map(() => "---:")]);
  const accuracy = (point: InterpolationPoint, name: string): string =>
    percent(point.results[name]?.accuracy);
  for (const point of points) {
    printRow([String(point.alpha), ...data.map(({ name }) => accuracy(point, name))]);
  }
  const chosen = chosenPoint(data, points);
  if (!chosen) return;
  const tests = data.filter(({ role }) => role !== "validation");
  const figures = tests.map(({ name }) => `${name} ${accuracy(chosen, name)}`);
  console.log(`\nvalidation chooses alpha ${chosen.alpha}: ${figures.join(", ")}`);
  const near = nearlyAsGood(data, points, chosen);
  if (!near) return;
  const there = tests.map(({ name }) => `${name} ${accuracy(near, name)}`);
  console.log(`alpha ${near.alpha} is within a point of it on validation: ${there.join(", ")}`);
}

/** The smallest alpha that loses a hundredth at most on the validation data; undefined where that is the chosen one. */
function nearlyAsGood(
  data: readonly InterpolationData[],
  points: readonly InterpolationPoint[],
  chosen: InterpolationPoint,
): InterpolationPoint | undefined {
  const name = data.find(({ role }) => role === "validation")?.name ?? "";
  const score = (point: InterpolationPoint): number => point.results[name]?.accuracy ?? -Infinity;
  const near = points.find((point) => score(point) >= score(chosen) - 0.01);
  return near === chosen ? undefined : near;
}

/** The most accurate on the validation data; of equals the smallest alpha, which changes the least. */
export function chosenPoint(
  data: readonly InterpolationData[],
  points: readonly InterpolationPoint[],
): InterpolationPoint | undefined {
  const name = data.find(({ role }) => role === "validation")?.name ?? "";
  const score = (point: InterpolationPoint): number => point.results[name]?.accuracy ?? -Infinity;
  const [first, ...rest] = points;
  return first && rest.reduce((best, one) => (score(one) > score(best) ? one : best), first);
}
