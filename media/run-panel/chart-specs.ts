import type { SeriesSpec } from "./chart.ts";
import type { ChartFacts } from "../../src/protocol/figures.ts";
import type { PaletteName } from "../shared/theme.ts";

export interface Line {
  column: string;
  label: string;
  color: PaletteName;
  look: "smoothed" | "plain" | "points";
}

export interface ChartSpec {
  title: string;
  lines: readonly Line[];
  height: number;
  /** Follows the log switch; a learning rate or a speed has no use for it. */
  canLog: boolean;
  fromZero: boolean;
  /** Hidden until this column has a value. */
  needs?: string;
}

/** The first is the large one. */
export const CHART_SPECS: readonly ChartSpec[] = [
  {
    title: "Loss",
    lines: [
      { column: "loss", label: "Train", color: "train", look: "smoothed" },
      { column: "evalLoss", label: "Eval", color: "eval", look: "points" },
    ],
    height: 280,
    canLog: true,
    fromZero: false,
  },
  small("Learning rate", "learningRate", "rate", "plain"),
  small("Gradient norm", "gradNorm", "norm", "smoothed"),
  small("Tokens/s", "tokensPerSecond", "speed", "smoothed"),
];

function small(title: string, column: string, color: PaletteName, look: Line["look"]): ChartSpec {
  const lines: Line[] = [{ column, label: "", color, look }];
  return { title, lines, height: 140, canLog: column === "gradNorm", fromZero: true };
}

/** A chart that an objective has beside those of every run. */
export function objectiveChart({ title, lines, needs }: ChartFacts): ChartSpec {
  return {
    title,
    lines: lines.map(({ figure, ...line }) => ({ column: figure, ...line })),
    height: 140,
    canLog: false,
    fromZero: false,
    needs,
  };
}

/** What is drawn for a line: a smoothed one has its raw values behind it. */
export function seriesOf(line: Line): SeriesSpec[] {
  const { color } = line;
  if (line.look === "points") return [{ color, look: "points" }];
  if (line.look === "plain") return [{ color, look: "line" }];
  return [
    { color, look: "faint" },
    { color, look: "line" },
  ];
}
