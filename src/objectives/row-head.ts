/**
 * A head that answers for a row whole, in the place of the one that predicts tokens: what its graph computes, what
 * that is fed, and the same in plain arithmetic. An engine knows heads by this alone.
 */
import type { CausalLmOutputs } from "../graph/causal-lm.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Dim } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import type { Example } from "../data/example.ts";
import type { RowAnswer } from "./engine.ts";

/** A row as it is fed. */
export interface FedRow {
  /** Fed tokens: the last that weighs anything is only ever a label. */
  length: number;
  example: Example;
}

export interface RowHead {
  /** Hidden states that reach it: all R tokens, or one for each of B rows. */
  readonly states: Dim;
  /**
   * Σ coefficient · loss of a row, [1], of the chosen states and the head's weight [outputs, C]; with the features
   * that the head reads, [B,C], and its logits, [B, outputs].
   */
  loss(
    b: GraphBuilder,
    outputs: Pick<CausalLmOutputs, "hidden" | "headWeight">,
  ): { loss: Value; logits: Value; features: Value };
  /**
   * What that graph is fed.
   * @param rows of one run, one after the other
   * @param options.scale of the loss; a row's weight comes on top
   * @param options.lead virtual tokens before each row's own
   * @returns R, how many states were chosen
   */
  feeds(
    rows: readonly FedRow[],
    options: { scale: number; lead: number },
  ): { feeds: Record<string, Float32Array | BigInt64Array>; R: number };
  /** Unweighted loss of one row whose logits are at hand, and its gradient with respect to them. */
  rowLoss(logits: Float32Array, example: Example): { loss: number; gradient: Float64Array };
  /** Whether the row is answered right whole. */
  isRight(answer: RowAnswer): boolean;
}
