import type { Dim, Shape } from "./dim.ts";

/**
 * Every operation of the IR and its attributes. Shape, gradient, verification and export are each
 * a table with one entry per key of this interface, so a missing rule is a compile error.
 *
 * Primitives mean what ONNX means by the same name. Composites (RmsNorm, Rope, Attention, SwiGlu,
 * SoftmaxCrossEntropy, DropoutMask) have a compact gradient and a lowering of their own: that is
 * where memory and speed are won.
 */
export interface OpAttributes {
  /** alpha·op(A)·op(B) + C. A [M,K], B [K,N] before transposition, C [M,N] or [N], optional. */
  Gemm: { transA: boolean; transB: boolean; alpha: number };
  /** alpha·op(A)·op(B) over a shared leading batch. A [P,M,K], B [P,K,N] before transposition. */
  MatMul: { transA: boolean; transB: boolean; alpha: number };
  /** Element-wise with numpy broadcasting. */
  Add: Record<string, never>;
  Sub: Record<string, never>;
  Mul: Record<string, never>;
  /** x · factor. */
  Scale: { factor: number };
  Sigmoid: Record<string, never>;
  Reshape: { shape: Shape };
  Transpose: { perm: readonly number[] };
  /** Sum over axes (0-based, ascending), kept as size 1. */
  ReduceSum: { axes: readonly number[] };
  /** Joins along axis; `size` is the joint dimension (a sum of symbols has no name of its own). */
  Concat: { axis: number; size: Dim };
  /** Consecutive pieces along an axis, one result each. */
  Split: { axis: number; sizes: readonly Dim[] };
  /** Elements [start, end) along an axis; bounds and axis are numbers, or multiples of one product of symbols. */
  Slice: { axis: number; start: Dim; end: Dim };
  /** Zeros before and after along an axis, sized as Slice's bounds are. */
  Pad: { axis: number; before: Dim; after: Dim };
  /** Rows data[indices]. data [V,C], indices [R] int64 → [R,C]. */
  GatherRows: Record<string, never>;
  /**
   * Rows moved to where they stand apart, with room between them: y[r] = x[there[r]], and
   * x[a] is found again at y[back[a]]. Rows of y that no `back` names are padding: they repeat some
   * row of x, and whoever reads them must give them a cotangent of zero.
   * (x [A,C], there [R] int64, back [A] int64) → [R,C].
   */
  SpreadRows: Record<string, never>;
  /**
   * The way back: x[a] = y[back[a]]. `real` [R,1] is 1 where some `back` names the row and 0 for
   * padding, whose cotangent it makes zero.
   * (y [R,C], back [A] int64, there [R] int64, real [R,1]) → [A,C].
   */
  CollectRows: Record<string, never>;
  /** zeros like `like` [V,C], plus updates[r] added to row indices[r]. (indices [R], updates [R,C], like [V,C]) → [V,C]. */
  ScatterAddRows: Record<string, never>;
  /** Over the last axis. */
  Softmax: Record<string, never>;
  Cast: { to: ElementType };
  /**
   * 1 / ‖x[r]‖₂ of each row, taken as a constant: nothing flows back through it. x [M,N] → [M].
   */
  InverseRowNorms: Record<string, never>;
  /** Integers in blocks, each times its block's scale. (codes [N,block], scales [N]) → `shape`. */
  Dequantize: { shape: Shape };
  /**
   * Root-mean-square norm (arXiv 1910.07467): y = x / sqrt(mean(x²) + epsilon) · weight.
   * (x [N,C], weight [C]) → (y [N,C], inverse root mean square [N,1]).
   */
  RmsNorm: { epsilon: number };
  /**
   * Rotary position embedding (arXiv 2104.09864), halves rotated as transformers does.
   * (x [N,H·D], positions [N,1] int64, cos [M,D/2], sin [M,D/2]) → [N,H·D].
   */
  Rope: Record<string, never>;
  /**
   * Scaled dot-product attention with grouped queries (arXiv 2305.13245).
   * (q [B,H,T,D], k [B,K,S,D], v [B,K,S,D], mask [M,1,T,S] added to the scores, M = 1 or B)
   * → (output [B,H,T,D], probabilities [B·K, (H/K)·T, S]).
   */
  Attention: { scale: number };
  /** Attention's probabilities alone. (q, k, mask) → [B·K, (H/K)·T, S]. */
  AttentionProbabilities: { scale: number };
  /** x itself, but not before `ready` is computed. (x, ready) → x. */
  After: Record<string, never>;
  /** silu(gate)·up (arXiv 2002.05202) → (result, silu(gate)). */
  SwiGlu: Record<string, never>;
  /**
   * Σ_r coefficient[r] · (logsumexp(logits[r]) − logits[r, label[r]]).
   * (logits [R,V], labels [R] int64, coefficients [R]) → (loss [1], probabilities [R,V]).
   */
  SoftmaxCrossEntropy: Record<string, never>;
  /**
   * SoftmaxCrossEntropy of x·weightᵀ, whose logits [R,V] never exist whole: the rows go through the
   * head in `rowChunks` equal parts (R is a multiple), each part's gradient taken before the next
   * part's logits, or in one part through `vocabularyChunks` slices of the head with an online
   * softmax (arXiv 1805.02867), which computes the logits twice but reads each slice of the head once.
   * (x [R,C], weight [V,C], labels [R] int64, coefficients [R])
   * → evaluation: (loss [1], hits [R], the rows' own losses, unweighted [R]); training: (loss [1], ∂loss/∂x [R,C]); with
   * `weightGradient` also ∂loss/∂weight [V,C]. hits are ArgMaxHit's.
   */
  LinearCrossEntropy: {
    rowChunks: number;
    vocabularyChunks: number;
    results: "evaluation" | "training" | "weightGradient";
  };
  /** coefficients[r] · (probabilities[r] − onehot(labels[r])), SoftmaxCrossEntropy's own gradient → [R,V]. */
  SoftmaxCrossEntropyGradient: Record<string, never>;
  /** 1 for each row whose label has the highest probability, else 0. (probabilities [R,V], labels [R]) → [R]. */
  ArgMaxHit: Record<string, never>;
  /** logsumexp(logits[r]) − logits[r, label[r]]. (logits [R,V], labels [R] int64) → [R]. */
  TokenLosses: Record<string, never>;
  /**
   * Inverted-dropout mask of `like`'s shape: elements offsets[site]… of a pool of zeros and
   * 1/(1−rate) that is drawn afresh for each step from the run's seed. A slice of a shared pool
   * costs one copy where a hash per element would cost ten, and a resumed run draws the same masks.
   * (like, pool [P], offsets [sites] int64).
   */
  DropoutMask: { site: number };
}

export type OpType = keyof OpAttributes;

export type ElementType = "float32" | "float16" | "bfloat16" | "int64" | "int8" | "int4";
