/**
 * What the editor, the command line and the trainer must know of an objective without computing anything: its keys
 * in a recipe, its words, its figures. One object each in `protocol/objectives/`, listed in `protocol/objectives.ts`;
 * what it computes is in `src/objectives/`.
 */
import type * as z from "zod";
import type { Contradiction } from "./contradiction.ts";
import type { ChartFacts, FigureFacts } from "./figures.ts";
import type { SharedRecipe } from "./recipe-keys.ts";

/** `objective` of a recipe, whichever it is. */
export interface AnyObjective {
  type: string;
}

/** One line of what a run's panel lists. */
export interface ObjectiveSetting {
  label: string;
  value: string;
}

/** A recipe as its own objective sees it. */
type RecipeOf<O> = Omit<SharedRecipe, "objective"> & { readonly objective: O };

/** @typeParam O the objective as a recipe has it, defaults filled in */
export interface ObjectiveFacts<O extends AnyObjective = AnyObjective> {
  /** `objective.type`. */
  readonly name: string;
  /** An option of the recipe's union over `type`. */
  readonly schema: z.ZodObject;
  /** What is trained writes text; else it has no head for tokens and labels it. */
  readonly writesText: boolean;
  /** The tensors of a head that it trains whatever the method, as a pattern. */
  readonly newHead?: string;
  /** Beside the losses, which every objective has. */
  readonly figures: readonly FigureFacts[];
  readonly charts: readonly ChartFacts[];
  /** The figure that a run is known by, where it says more than the loss, and where its evaluation.json has it. */
  readonly headline?: { readonly figure: string; of(report: object): number | undefined };
  settings(objective: O): readonly ObjectiveSetting[];
  /** What is wrong with a recipe that names this objective, by the recipe alone: no file is read. */
  contradictions?(recipe: RecipeOf<O>): readonly Contradiction[];
}

/** What a run's panel shows of its objective. */
export interface ObjectiveView {
  writesText: boolean;
  settings: readonly ObjectiveSetting[];
  figures: readonly FigureFacts[];
  charts: readonly ChartFacts[];
}
