/**
 * For model types that no family describes: what the names of most checkpoints give away. It is the only place that
 * guesses, and it says `other`, or no layout, rather than what it can't know: whether a matrix is stored [in,out],
 * whether a missing head is tied.
 */
import { type BlockPlace, moduleOf } from "../util/tensor-patterns.ts";
import type { BlockPart, Role, TensorFacts } from "../protocol/tensor-facts.ts";
import type { Family } from "./family.ts";

/** "model.layers.3.", GPT-2's "transformer.h.3.", BERT's "encoder.layer.3." */
const BLOCK = /^((?:.*?\.)?(?:layers|layer|h|blocks)\.)(\d+)(?:\.(.+))?$/u;
const EMBEDDING = /(?:^|\.)(?:embed_tokens|wte|embed_in|word_embeddings|tok_embeddings)\.weight$/u;
const POSITION = /wpe|position_embed|embed_position|pos_embed/iu;
const HEAD_TABLE = /(?:^|\.)(?:lm_head|embed_out)\.weight$/u;
const ANY_HEAD = /lm_head|embed_out|score|classifier/u;
const EMBEDDED = /embed|wte|wpe/iu;
const NORM = /norm|(?:^|\.)ln_?\w*(?:\.|$)/iu;

const PARTS: readonly [part: BlockPart, fits: RegExp][] = [
  ["norms", /^[^.]*(?:norm|ln)[^.]*(?:\.(?:weight|bias))?$/iu],
  ["attention", /attn|attention/iu],
  ["feed-forward", /mlp|ffn|feed_forward|moe/iu],
];

function blockOf(name: string): BlockPlace | undefined {
  const [, stem, index, inner = ""] = BLOCK.exec(name) ?? [];
  return stem === undefined ? undefined : { stem, index: Number(index), inner };
}

function facts(name: string, shape?: readonly number[]): TensorFacts {
  const block = blockOf(name);
  return {
    role: roleOf(name, shape, block !== undefined),
    moduleRole: roleOf(name.replace(/\.bias$/u, ".weight"), shape, block !== undefined),
    block,
    isBeforeBlocks: !block && EMBEDDED.test(name) && !ANY_HEAD.test(name),
    module: moduleOf(name),
    layout: undefined,
    part: block
      ? PARTS.find(([, fits]) => fits.test(block.inner))?.[0]
      : NORM.test(name)
        ? "norms"
        : undefined,
  };
}

function roleOf(name: string, shape: readonly number[] | undefined, isInBlock: boolean): Role {
  if (EMBEDDING.test(name)) return "embedding";
  if (HEAD_TABLE.test(name)) return "head";
  const mayBeVector = (shape?.length ?? 1) === 1;
  if (mayBeVector && name.endsWith(".bias")) return "bias";
  if (!isInBlock && ANY_HEAD.test(name)) return "head";
  if (mayBeVector && NORM.test(name)) return "norm";
  if (!isInBlock && POSITION.test(name)) return "position";
  return name.endsWith(".weight") ? roleOfShape(shape?.length, isInBlock) : "other";
}

function roleOfShape(axes: number | undefined, isInBlock: boolean): Role {
  if (axes === 2 && isInBlock) return "linear";
  return axes === 3 || axes === 4 ? "conv" : "other";
}

export const unknownFamily: Family = {
  name: "unknown",
  isKnown: false,
  causalLm: undefined,
  embedding: "model.embed_tokens.weight",
  head: "lm_head.weight",
  gguf: undefined,
  facts,
  blockOf,
  isVocabularyTable: (name) => EMBEDDING.test(name) || HEAD_TABLE.test(name),
};
