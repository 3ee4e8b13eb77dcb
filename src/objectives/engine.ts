/**
 * What an objective may ask of whatever executes a run, and what training asks of it besides. It is little, so that
 * an engine needs to know no objective: losses, gradients and log-probabilities of weighted tokens, hidden states,
 * the same of the reference, and generation.
 */
import type { Example } from "../data/example.ts";

/** A trainable tensor as a window into the engine's one flat parameter vector. */
export interface Trainable {
  /** The checkpoint's or PEFT's own name, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  name: string;
  shape: readonly number[];
  /** First element in `parameters` and in every gradient vector. */
  offset: number;
  length: number;
}

export interface LossSums {
  /** Σ weight · cross-entropy in nats, or of labelled rows Σ weight · loss. */
  lossSum: number;
  /** Tokens whose weight is not 0, or labelled rows. */
  counted: number;
}

/** What a head over rows said of one. */
export interface RowAnswer {
  /** With the label that is right. */
  example: Example;
  /** One for each output of the head. */
  logits: Float32Array;
  /** What the head reads, [C]. */
  features: Float32Array;
}

export interface EvaluationSums extends LossSums {
  /** Counted tokens that the arg-max predicts right, or rows that are labelled right. */
  correct: number;
  /** Rows with a counted token, or label. */
  rows: number;
  /** The rows in which every counted token, or label, is right. */
  exact: number;
  /** A row head's, one for each row, in no order. */
  answers?: readonly RowAnswer[];
}

/** Whose pass it is. */
export interface PassOptions {
  /** true: of the base as it lies on disk, the adapter switched off. A head that it does not have stays. */
  reference?: boolean;
}

export interface GenerationOptions {
  maxTokens: number;
  /** 0 always takes the most likely token. */
  temperature: number;
  /** Nucleus sampling (arXiv 1904.09751): the smallest set of tokens of at least this probability. */
  topP?: number | undefined;
  /** The first prompt's; each further one has the next. */
  seed: number;
  /** Generation ends before any of these. */
  stopIds: readonly number[];
}

/**
 * What executes a training step. Nothing here knows the optimizer, the schedule or the run folder.
 * `parameters` is live: the optimizer writes into it and the next call sees the new values.
 */
export interface TrainingEngine {
  readonly trainables: readonly Trainable[];
  readonly parameters: Float32Array;
  readonly totalParameters: number;
  /**
   * Adds ∂(lossSum · scale)/∂parameters of one micro-batch, each token or row under its weight, to `into` (same layout as `parameters`).
   * `dropoutSeed` picks the dropout masks; the same seed gives the same masks.
   */
  accumulateGradients(
    batch: readonly Example[],
    options: { scale: number; dropoutSeed: number; into: Float32Array },
  ): Promise<LossSums>;
  /** To be called after each optimizer step: what must stay orthonormal is made so again. */
  afterUpdate(): void;
  /** Loss without dropout, and what was answered right. */
  evaluate(batch: readonly Example[], options?: PassOptions): Promise<EvaluationSums>;
  /**
   * For each row in order and each of its T tokens: log p(ids[t] | ids[0..t)) in nats where its weight is not 0, else 0.
   * @throws InputError where the head over tokens has given way to another
   */
  logProbs(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]>;
  /** What the head reads of each row in order, the last norm's output: [T,C] of all its T tokens. */
  hiddenStates(batch: readonly Example[], options?: PassOptions): Promise<readonly Float32Array[]>;
  /** Lets go of what the reference's passes hold, until the next one. */
  releaseReference(): Promise<void>;
  /** New ids after each prompt, by the parameters as they are. */
  generate(
    prompts: readonly (readonly number[])[],
    options: GenerationOptions,
  ): Promise<readonly (readonly number[])[]>;
  dispose(): Promise<void>;
}

/** Where a result was written. */
export interface SavedResult {
  kind: "adapter" | "model";
  dir: string;
}

/** A training engine that can also write what it trained in its owner's format. */
export interface SavingEngine extends TrainingEngine {
  /** Writes an adapter's folder, or where the base itself is trained a model's, by atomic rename. */
  saveResult(
    dir: string,
    parameters: Float32Array,
    info: { baseModel: string },
  ): Promise<SavedResult>;
}
