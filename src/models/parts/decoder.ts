/** A decoder from its parts: embedding, pre-norm blocks that add to the residual stream, last norm, head. */
import type { CausalLm, CausalLmContext, CausalLmOutputs } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";
import type { Family } from "../../families/family.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import { type DecoderLayout, blockPath, linearLayersOf, tensorsOf } from "./decoder-layout.ts";
import type { Norm } from "./norms.ts";
import { type Block, only } from "./part.ts";

/** Builds one graph's blocks. Both take the residual stream [N,C] and give it with their part added. */
export interface DecoderBlocks {
  attention: (block: Block, x: Value) => Value;
  feedForward: (block: Block, x: Value) => Value;
}

export interface Decoder {
  family: Family;
  config: DecoderConfig;
  layout: DecoderLayout;
  norm: Norm;
  /** Called once for each graph, before anything else is in it. */
  blocks: (context: CausalLmContext) => DecoderBlocks;
}

export function decoder(parts: Decoder): CausalLm {
  const { config, layout, family } = parts;
  return {
    vocabSize: config.vocabSize,
    maxPositions: config.maxPositions,
    layers: config.layers,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headSize: config.headSize,
    initializerRange: config.initializerRange,
    embedding: layout.embedding,
    blockOf: family.blockOf,
    tensors: tensorsOf(layout),
    linearLayers: linearLayersOf(layout),
    build: (context) => build(parts, context),
  };
}

function build(parts: Decoder, context: CausalLmContext): CausalLmOutputs {
  const { layout, norm } = parts;
  const { b } = context;
  const blocks = parts.blocks(context);
  const { ids } = context.inputs;
  const { hiddenSize, vocabSize, layers } = layout;
  const embeddings = context.tensor(layout.embedding, [vocabSize, hiddenSize]);
  // (N, C), the residual stream
  const embedded = b.asFloat32(b.apply("GatherRows", [embeddings, ids], {}));
  let x = context.embedded(embedded, ids, () => b.asFloat32(embeddings));
  for (let layer = 0; layer < layers; layer++) {
    b.checkpoint(x);
    x = b.scope(blockPath(layout, layer), () => afterBlock(blocks, { layout, context, layer }, x));
  }
  const hidden = norm(context, layout.finalNorm, x);
  return { hidden, ...headOf(layout, context, { hidden, embeddings }) };
}

/** (N, C) → (N, C), of the last block (R, C): only those that are asked for. */
function afterBlock({ attention, feedForward }: DecoderBlocks, block: Block, x: Value): Value {
  const { context, layer, layout } = block;
  const { b, inputs } = context;
  const isLast = layer === layout.layers - 1;
  const choose = (stream: Value): Value => b.apply("GatherRows", [stream, inputs.rows], {});
  const attended = attention(block, x);
  const edit = context.edit(layer);
  if (edit) {
    const edited = edit(feedForward(block, attended));
    return isLast ? choose(edited) : edited;
  }
  // After the last attention tokens no longer meet.
  return feedForward(block, isLast ? choose(attended) : attended);
}

function headOf(
  { head, tiedEmbeddings, vocabSize, hiddenSize }: DecoderLayout,
  { b, tensor, adapt }: CausalLmContext,
  { hidden, embeddings }: { hidden: Value; embeddings: Value },
): Pick<CausalLmOutputs, "headWeight" | "logits"> {
  const headWeight = tiedEmbeddings
    ? embeddings
    : tensor(`${head}.weight`, [vocabSize, hiddenSize]);
  const logits = (): Value => {
    const weight = (): Value => b.asFloat32(headWeight);
    const product = (z: Value): Value => b.gemm(z, weight(), { transB: true });
    const layer = { path: head, base: product(hidden), weight, bias: undefined, product };
    return only(adapt(b, hidden, [layer]));
  };
  return { headWeight, logits };
}
