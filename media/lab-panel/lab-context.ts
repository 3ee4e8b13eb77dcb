import type { InterpolationPoint } from "../../src/protocol/interpolation.ts";
import type { Measure, Metric } from "./measures.ts";

/** What all parts of the panel draw: made anew from the interpolation and the person's choices at every change. */
export interface LabContext {
  points: readonly InterpolationPoint[];
  measures: readonly Measure[];
  metric: Metric;
  /** The two-axis curve has these; undefined where there are not two kinds of data. */
  axes: { x: Measure; y: Measure } | undefined;
  /** The alpha that would be saved. */
  selected: number | undefined;
  recommended: number | undefined;
  /** Names of data whose way from base to fine-tune is not straight. */
  barriers: ReadonlySet<string>;
  onSelect: (alpha: number) => void;
  /** The alpha under the pointer, in every part alike; undefined: none. */
  onHover: (alpha: number | undefined) => void;
}

/** "alpha 0.4", with what is special about it. */
export function alphaTitle(alpha: number, { recommended }: LabContext): string {
  const parts = [
    ...(alpha === 0 ? ["base"] : []),
    ...(alpha === 1 ? ["fine-tune"] : []),
    ...(alpha === recommended ? ["recommended"] : []),
  ];
  return parts.length === 0 ? `alpha ${alpha}` : `alpha ${alpha} (${parts.join(", ")})`;
}
