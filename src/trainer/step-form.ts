/** How a training step is cut so that it fits in memory and in the processor's caches. */
import type { CausalLm } from "../graph/causal-lm.ts";
import type { StepForm } from "./ort-graphs.ts";

/** Tokens that pass through the graph at once; a longer row still passes whole. */
export interface StepPlan {
  form: StepForm;
  maxTokens: number;
}

/** Below this, a block's products are too small to be fast. */
const BLOCK_TOKENS = 128;
/** Eight blocks leave out 44 % of all scores; more would leave out at most 50 %. */
const MAX_BLOCKS = 8;

const MODES = {
  speed: { maxTokens: 1024, logitsBytes: 128 * 2 ** 20 },
  balanced: { maxTokens: 512, logitsBytes: 64 * 2 ** 20 },
  memory: { maxTokens: 256, logitsBytes: 32 * 2 ** 20 },
} as const;

export type MemoryMode = keyof typeof MODES;

export function planStep(
  { vocabSize }: CausalLm,
  { maxLength, mode }: { maxLength: number; mode: MemoryMode },
): StepPlan {
  const { maxTokens, logitsBytes } = MODES[mode];
  const rows = Math.max(maxTokens, maxLength);
  const rowChunks = Math.ceil((rows * vocabSize * 4) / logitsBytes);
  const blocks = Math.min(Math.ceil((maxLength - 1) / BLOCK_TOKENS), MAX_BLOCKS);
  return {
    form: { blocks, rowChunks, vocabularyChunks: 1 },
    maxTokens: Number(process.env["TOK"] ?? maxTokens),
  };
}
