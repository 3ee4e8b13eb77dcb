import type { Example } from "../data/example.ts";
import type { Classifier } from "../adapter-files/classifier-head.ts";
import type { Answer } from "../objectives/classification.ts";

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
  /** Sum of the counted tokens' cross-entropies in nats. */
  lossSum: number;
  /** Counted tokens. */
  counted: number;
}

export interface EvaluationSums extends LossSums {
  /** Counted tokens that the arg-max predicts right, or rows that are labelled right. */
  correct: number;
  /** Rows with a counted token, or label. */
  rows: number;
  /** The rows in which every counted token, or label, is right. */
  exact: number;
  /** A classifier's, one for each row, in no order. */
  answers?: readonly Answer[];
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
   * Adds ∂(lossSum · scale)/∂parameters of one micro-batch to `into` (same layout as `parameters`).
   * `dropoutSeed` picks the dropout masks; the same seed gives the same masks.
   */
  accumulateGradients(
    batch: readonly Example[],
    options: { scale: number; dropoutSeed: number; into: Float32Array },
  ): Promise<LossSums>;
  /** To be called after each optimizer step: what must stay orthonormal is made so again. */
  afterUpdate(): void;
  /** What the head labels, where it is a classification head. */
  readonly classifier?: Classifier | undefined;
  /** Loss without dropout, and what was answered right. */
  evaluate(batch: readonly Example[]): Promise<EvaluationSums>;
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
