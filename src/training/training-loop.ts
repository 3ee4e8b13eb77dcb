/** The optimizer steps of a run: train, evaluate, checkpoint, and know when to end. */
import { CollapseWatch } from "./collapse.ts";
import type { Example, Examples } from "../data/example.ts";
import type { ResolvedRecipe } from "../protocol/recipe.ts";
import type { Metric } from "../protocol/run-folder.ts";
import { figureOfBest } from "../protocol/objectives.ts";
import { InputError } from "../util/errors.ts";
import type { Progress } from "./checkpoint.ts";
import type { SavingEngine } from "../objectives/engine.ts";
import type { Learning, RowSource } from "../objectives/objective.ts";
import { type AdamWState, type ParameterRange, clipGradients, updateAdamW } from "./optimizer.ts";
import { type Schedule, learningRateAt, warmupStepCount } from "./schedule.ts";

/** What a run trains, with what, on what. */
export interface TrainingRun {
  engine: SavingEngine;
  /** What it learns, and from which rows. */
  learning: Learning;
  rows: RowSource;
  /** What the optimizer does with each part of the engine's parameters. */
  ranges: readonly ParameterRange[];
  train: Examples;
  /** Empty when there is nothing to evaluate on. */
  evaluation: Examples;
}

export interface LoopHooks {
  metric: (metric: Metric) => Promise<void>;
  /** Writes a checkpoint of `progress`. */
  save: (progress: Progress) => Promise<void>;
  shouldStop: () => Promise<boolean>;
  /** What the objective tells of an evaluation beside its figures. */
  report: (report: object) => Promise<void>;
}

export interface LoopState {
  progress: Progress;
  optimizer: AdamWState;
}

export type LoopEnd = "finished" | "stopped" | "stopped early";

export class TrainingLoop {
  readonly #run: TrainingRun;
  readonly #recipe: ResolvedRecipe;
  readonly #hooks: LoopHooks;
  readonly #collapse = new CollapseWatch();
  readonly #optimizer: AdamWState;
  readonly #gradients: Float32Array;
  readonly #ranges: readonly ParameterRange[];
  readonly #schedule: Schedule;
  readonly #elapsedBefore: number;
  readonly #startedAt = performance.now();
  #progress: Progress;
  #savedStep: number;

  constructor(
    run: TrainingRun,
    recipe: ResolvedRecipe,
    { progress, optimizer }: LoopState,
    hooks: LoopHooks,
  ) {
    this.#run = run;
    this.#recipe = recipe;
    this.#hooks = hooks;
    this.#optimizer = optimizer;
    this.#progress = progress;
    this.#savedStep = progress.step;
    this.#elapsedBefore = progress.elapsedMs;
    this.#gradients = new Float32Array(run.engine.parameters.length);
    this.#ranges = run.ranges;
    const { schedule: type, learningRate, warmupSteps } = recipe.optimizer;
    const { totalSteps } = run.rows;
    this.#schedule = {
      type,
      learningRate,
      warmupSteps: warmupStepCount(warmupSteps, totalSteps),
      totalSteps,
    };
  }

  /** What to say of a run that ends now without having learnt anything. */
  get collapse(): string | undefined {
    return this.#collapse.noteFor(this.#recipe.optimizer.learningRate);
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** @throws InputError when the loss is no number any more, or when a checkpoint can't be written */
  async run(): Promise<LoopEnd> {
    const { totalSteps } = this.#run.rows;
    const { evalEvery, saveEvery, earlyStop } = this.#recipe;
    if (this.#progress.step === 0) await this.#evaluate();
    while (this.#progress.step < totalSteps) {
      const patienceIsOver =
        earlyStop !== undefined && this.#progress.evaluationsSinceBest >= earlyStop.patience;
      if (patienceIsOver || (await this.#hooks.shouldStop())) {
        await this.#save();
        return patienceIsOver ? "stopped early" : "stopped";
      }
      await this.#trainStep();
      const { step } = this.#progress;
      const isLast = step === totalSteps;
      if (isLast || isEvery(step, evalEvery)) await this.#evaluate();
      if (isLast || isEvery(step, saveEvery) || this.#isNewBest()) await this.#save();
    }
    return "finished";
  }

  async #trainStep(): Promise<void> {
    const { rows, learning, engine } = this.#run;
    const { step } = this.#progress;
    const startedAt = performance.now();
    const batches = await rows.microBatches(step);
    const { loss, counted, figures } = await learning.step(engine, batches, {
      seedOf: (microBatch) => mixSeeds(this.#recipe.seed, step, microBatch),
      into: this.#gradients.fill(0),
    });
    const { maxGradNorm, betas, epsilon, weightDecay } = this.#recipe.optimizer;
    const gradNorm = clipGradients(this.#gradients, maxGradNorm);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw this.#diverged({ loss, gradNorm, batches });
    }
    const learningRate = learningRateAt(step, this.#schedule);
    const { parameters } = engine;
    updateAdamW({ parameters, gradients: this.#gradients }, this.#optimizer, this.#ranges, {
      learningRate,
      betas,
      epsilon,
      weightDecay,
    });
    engine.afterUpdate();
    this.#collapse.add(step + 1, { loss, gradNorm });
    const seconds = (performance.now() - startedAt) / 1000;
    const processed = batches.flat().reduce((sum, { ids }) => sum + ids.length, 0);
    this.#progress = {
      ...this.#progress,
      step: step + 1,
      tokens: this.#progress.tokens + counted,
      elapsedMs: this.#elapsedMs(),
      lastLoss: loss,
    };
    await this.#hooks.metric({
      ...this.#position(),
      loss,
      learningRate,
      gradNorm,
      tokens: this.#progress.tokens,
      tokensPerSecond: Math.round((processed / seconds) * 10) / 10,
      rssBytes: process.memoryUsage.rss(),
      ...figures,
    });
  }

  async #evaluate(): Promise<void> {
    const { learning, engine, evaluation } = this.#run;
    if (evaluation.length === 0) return;
    const { step } = this.#progress;
    const { loss, figures, report } = await learning.evaluate(engine, evaluation, { step });
    if (!Number.isFinite(loss)) throw this.#diverged({ loss, gradNorm: 0, batches: [] });
    const { best, evaluationsSinceBest } = this.#progress;
    const found = { step, evalLoss: loss, ...scoreOf(figures, this.#recipe) };
    // Step 0 is the base model: what is kept shall have been trained.
    const isBest = step > 0 && (best === undefined || isBetter(found, best));
    this.#progress = {
      ...this.#progress,
      elapsedMs: this.#elapsedMs(),
      lastEvalLoss: loss,
      labelled: report && { ...report },
      ...(isBest ? { best: found } : {}),
      evaluationsSinceBest: isBest || step === 0 ? 0 : evaluationsSinceBest + 1,
    };
    if (report) await this.#hooks.report(report);
    await this.#hooks.metric({ ...this.#position(), evalLoss: loss, ...figures });
  }

  /** The best weights are kept as a checkpoint: a resumed run then finds them too. */
  #isNewBest(): boolean {
    return this.#recipe.keepBest && this.#progress.best?.step === this.#progress.step;
  }

  async #save(): Promise<void> {
    if (this.#savedStep === this.#progress.step) return;
    await this.#hooks.save(this.#progress);
    this.#savedStep = this.#progress.step;
  }

  #position(): Pick<Metric, "step" | "epoch" | "elapsedMs"> {
    const { step } = this.#progress;
    return { step, epoch: this.#run.rows.epochAt(step), elapsedMs: this.#elapsedMs() };
  }

  #elapsedMs(): number {
    return Math.round(this.#elapsedBefore + performance.now() - this.#startedAt);
  }

  #diverged(found: {
    loss: number;
    gradNorm: number;
    batches: readonly (readonly Example[])[];
  }): InputError {
    const { loss, gradNorm, batches } = found;
    const what = Number.isFinite(loss)
      ? `the gradient norm became ${gradNorm}`
      : `the loss became ${loss}`;
    const lines = batches.flat().map(({ line }) => line);
    const rows = lines.length > 0 ? ` (rows of lines ${lines.slice(0, 8).join(", ")})` : "";
    const { learningRate } = this.#recipe.optimizer;
    return new InputError(
      `${what} at step ${this.#progress.step + 1}${rows}: training diverged; lower optimizer.learningRate (${learningRate}) or raise warmupSteps`,
    );
  }
}

type Figures = Readonly<Record<string, number>>;

type Best = NonNullable<Progress["best"]>;

/** Nothing where the loss itself is what counts. */
function scoreOf(figures: Figures, recipe: ResolvedRecipe): Pick<Best, "score"> {
  const score = figures[figureOfBest(recipe)?.name ?? ""];
  return score === undefined ? {} : { score };
}

/** Where scores are equal, the lower loss is better. */
function isBetter(one: Omit<Best, "step">, other: Omit<Best, "step">): boolean {
  const [a = 0, b = 0] = [one.score, other.score];
  return a === b ? one.evalLoss < other.evalLoss : a > b;
}

function isEvery(step: number, interval: number): boolean {
  return interval > 0 && step % interval === 0;
}

/** A different 32-bit seed for each micro-batch of a run (the finaliser of MurmurHash3). */
function mixSeeds(...parts: readonly number[]): number {
  let hash = 0x2545f491;
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash;
}
