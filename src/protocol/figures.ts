/** The figures of a run: numbers by name in metrics.jsonl, and how they are shown. */

/**
 * How a figure is written: a share as "93.1 %", a score as 0.931, a number with the digits that it needs,
 * a loss as e to its power.
 */
export type FigureUnit = "share" | "score" | "number" | "perplexity";

export interface FigureFacts {
  /** As metrics.jsonl has it: evalAccuracy. */
  readonly name: string;
  /** "Accuracy" */
  readonly label: string;
  readonly unit: FigureUnit;
  /** What it is, in a few words below it. */
  readonly note: string;
  /** How the recipe's bestBy names it; the higher the better. */
  readonly best?: { readonly by: string; readonly words: string };
}

export interface ChartLine {
  readonly figure: string;
  readonly label: string;
  readonly color: "train" | "eval";
  readonly look: "smoothed" | "plain" | "points";
}

/** A chart of its own, hidden until one of its lines, `needs`, has a value. */
export interface ChartFacts {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly needs: string;
}
