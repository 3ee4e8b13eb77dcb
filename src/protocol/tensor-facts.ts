/** What a tensor of a checkpoint is, as `families/` says it of each. */
import type { BlockPlace } from "../util/tensor-patterns.ts";

export type Role =
  | "embedding"
  | "position"
  | "head"
  | "norm"
  | "linear"
  | "bias"
  | "conv"
  | "other";

/** How a linear layer's weight is stored: y = x·Wᵀ, or y = x·W as in GPT-2's Conv1D. */
export type Layout = "[out,in]" | "[in,out]";

/** What a person looks for in a block. */
export type BlockPart = "attention" | "feed-forward" | "norms";

export interface TensorFacts {
  role: Role;
  /** What its module is: of a head's bias, "head". */
  moduleRole: Role;
  /** Undefined outside of the blocks. */
  block: BlockPlace | undefined;
  /** Whether the blocks come after it, for what stands outside. */
  isBeforeBlocks: boolean;
  /** "model.layers.0.self_attn.q_proj" */
  module: string;
  /** How a linear layer lies; undefined where nobody knows. */
  layout: Layout | undefined;
  /** Norms have one outside of the blocks too. */
  part: BlockPart | undefined;
}
