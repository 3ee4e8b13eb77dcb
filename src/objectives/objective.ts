/**
 * An objective at work: which rows it makes of data, what a step asks of the engine, its figures. What is known of
 * it without computing is in `protocol/objectives/`.
 */
import type { Example, Examples } from "../data/example.ts";
import type { Tokenizer } from "../data/tokenizer.ts";
import type { BaseModel } from "../models/base-model.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import type { TrainingEngine } from "./engine.ts";
import type { RowHead } from "./row-head.ts";

type Figures = Readonly<Record<string, number>>;

/** Where the rows of each optimizer step come from: a plan over a file, or something that makes them. */
export interface RowSource {
  readonly totalSteps: number;
  /** Passes over the data after so many steps; fractional within one. */
  epochAt(step: number): number;
  /**
   * What depends on anything but the step and the parameters does not resume bit for bit.
   * @param step 0-based
   */
  microBatches(
    step: number,
  ): Promise<readonly (readonly Example[])[]> | readonly (readonly Example[])[];
}

/** AdamW along a cosine on parameters whose gradients are plain arithmetic. */
export type Fit = (
  parameters: Float32Array,
  rows: Examples,
  options: {
    epochs: number;
    batchSize: number;
    learningRate: number;
    /** Decides the order of the rows. */
    seed: number;
    /** Adds the gradients of the rows' mean loss to `into`; returns the sum of their losses. */
    addGradients: (rows: readonly Example[], into: Float32Array) => number;
  },
) => { steps: number; loss: number };

export interface StepOutcome {
  /** What is shown as the step's loss, and must stay a number. */
  loss: number;
  /** Tokens, or rows, that it learnt from. */
  counted: number;
  /** Its own figures in the train line. */
  figures?: Figures;
}

export interface EvaluationOutcome {
  /** By which runs are compared, unless bestBy names a figure. */
  loss: number;
  figures: Figures;
  /** evaluation.json, where the objective has one. */
  report?: object | undefined;
}

export interface StepOptions {
  /** The seed of a micro-batch's dropout masks. */
  seedOf: (microBatch: number) => number;
  /** What gradients are added to. */
  into: Float32Array;
}

export interface FirstStep {
  engine: TrainingEngine;
  train: Examples;
  evaluation: Examples;
  /** A checkpoint's weights will take the place of the start's. */
  goesOn: boolean;
  fit: Fit;
  phase: (phase: string) => Promise<void>;
  log: (line: string) => void;
  isStopped: () => Promise<boolean>;
}

/** An objective in one run, from the start's weights to the last step. */
export interface Learning {
  /** What it does with the base as it is, before a checkpoint's weights take its place. */
  beforeFirstStep?(start: FirstStep): Promise<void>;
  /** Left out: rows come by the plan. */
  rows?(plan: RowSource, engine: TrainingEngine): RowSource;
  /** Adds the gradients of one optimizer step. */
  step(
    engine: TrainingEngine,
    microBatches: readonly (readonly Example[])[],
    options: StepOptions,
  ): Promise<StepOutcome>;
  /** @param options.step optimizer steps done */
  evaluate(
    engine: TrainingEngine,
    rows: Examples,
    options: { step: number },
  ): Promise<EvaluationOutcome>;
}

export interface RowOptions {
  tokenizer: Tokenizer;
  base: BaseModel;
  data: ResolvedRecipe["data"];
  log: (line: string) => void;
}

/** @typeParam O the objective as a recipe has it */
export interface Objective<O extends { type: string } = { type: string }> {
  /** `objective.type`. */
  readonly name: string;
  /**
   * The base with the head that it trains.
   * @throws InputError where base and objective do not fit
   */
  headed(objective: O, base: BaseModel, data: ResolvedRecipe["data"]): Promise<BaseModel>;
  /** What a base with a head over rows is under this objective; left out: nothing of its own. */
  rowHead?(base: Pick<BaseModel, "classifier">): RowHead | undefined;
  /** Begins what reading the rows will need, beside the opening of the base. */
  readAhead?(data: ResolvedRecipe["data"], baseDir: string): void;
  /** @throws InputError naming file and line */
  loadRows(objective: O, file: string, options: RowOptions): Promise<Examples>;
  begin(objective: O, recipe: ResolvedRecipe, base: BaseModel): Learning;
}
