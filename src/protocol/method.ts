/**
 * What the editor, the command line and the trainer must know of a method without computing anything:
 * its keys in a recipe, its words, its defaults. One object each in `protocol/methods/`, listed in
 * `protocol/methods.ts`; what it computes is in `src/methods/`.
 */
import type * as z from "zod";
import type { Contradiction } from "./contradiction.ts";
import type { TensorFacts } from "./tensor-facts.ts";
import type { SharedRecipe } from "./recipe-keys.ts";

/** `method` of a recipe, whichever it is. */
export interface AnyMethod {
  type: string;
}

/** What of the base itself is trained, so that a run's result is a model and not an adapter. */
export type BasePart = "all" | "part" | "head";

/** A learning rate that learns on a base of this size; in between they go straight in log-log. */
export interface RateAnchors {
  /** From 1e9 parameters on: what the method's own paper or library uses. */
  large: number;
  /** At 2.4 million: measured on retune-tiny, dictionary and topics (docs/benchmarks.md, Defaults). */
  tiny: number;
}

/** One line of what a run's panel lists; numbers are written as the panel writes numbers. */
export interface MethodSetting {
  label: string;
  value: string | number;
}

/** What Start Run… offers: settings that learn, and what they are good for. */
export interface MethodChoice<I = AnyMethod> {
  label: string;
  /** What it is good for, in a line. */
  detail: string;
  /** What is trained, said short. */
  description: string;
  /** Where it stands in the list, the smallest first. */
  place: number;
  recipe: { method: I; trainLast?: number };
  /** Only for rows with labels: trains a new head, or probes it before the run itself. */
  labels?: "head" | "probed head";
}

/** What a row of the layer editor means: its tensors train, an adapter attaches, or its block's output is edited. */
export type LayerKind = "tensors" | "sites" | "blocks";

export interface ChoosableTensor {
  name: string;
  shape: readonly number[];
  facts: Pick<TensorFacts, "role" | "block">;
}

export interface ChoosableLayers {
  kind: LayerKind;
  /** The key of the method that names them, for messages. */
  key: string;
  has(tensor: ChoosableTensor): boolean;
}

/** A recipe as its own method sees it. */
export type RecipeOf<M> = Omit<SharedRecipe, "method"> & { readonly method: M };

/** @typeParam M the method as a recipe has it, defaults filled in */
export interface MethodFacts<M extends AnyMethod = AnyMethod, I = AnyMethod> {
  /** `method.type`. */
  readonly name: string;
  /** An option of the recipe's union over `type`; methods that are one paper's may share one. */
  readonly schema: z.ZodObject;
  /** Left out: it adds to a base that stays as it is. */
  readonly ofBase?: BasePart;
  /** Whether training starts at the base's own hidden states. */
  readonly startsAsBase: boolean;
  /** The base's linear weights may be held in integers. */
  readonly overQuantised?: boolean;
  readonly choices: readonly MethodChoice<I>[];
  /** In few letters: it stands in rows of a side bar. */
  word(method: M): string;
  /** With its most telling numbers, in the recipe's words: "lora, rank 8, alpha 16". */
  text(method: M): string;
  /** One line for the head of a run's panel: "LoRA, rank 8". */
  title(method: M): string;
  settings(method: M): readonly MethodSetting[];
  learningRate(method: M): RateAnchors;
  /** Where the amount of data says nothing. */
  readonly epochs?: number;
  /** A tensor's learning rate as a multiple of the run's; left out: 1. */
  rateOf?(method: M, tensor: { name: string; shape: readonly number[] }): number;
  /** Tokens in front of every row; left out: none. */
  virtualTokens?(method: M): number;
  /** The weights of the base are not read. */
  isFromScratch?(method: M): boolean;
  /** Undefined where there is no layer to choose. */
  layers(method: M): ChoosableLayers | undefined;
  /** What is wrong with a recipe that names this method, by the recipe alone: no file is read. */
  contradictions?(recipe: RecipeOf<M>): readonly Contradiction[];
}

/** What a run's panel shows of its method. */
export interface MethodView {
  title: string;
  settings: readonly MethodSetting[];
  /** The result is a model, not an adapter. */
  writesModel: boolean;
}
