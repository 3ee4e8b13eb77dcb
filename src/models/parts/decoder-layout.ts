/** The tensors of a decoder: an embedding, blocks that are all alike, a norm and a head, which may be the embedding. */
import type { LinearLayer, NamedShape } from "../../graph/causal-lm.ts";

export interface BlockLinear {
  inFeatures: number;
  outFeatures: number;
  hasBias: boolean;
}

/** Names are the checkpoint's. */
export interface DecoderLayout {
  /** V */
  vocabSize: number;
  /** C */
  hiddenSize: number;
  layers: number;
  tiedEmbeddings: boolean;
  /** The modules, or of the norms the tensors, outside of the blocks. */
  embedding: string;
  finalNorm: string;
  head: string;
  /** What stands before a block's number: "model.layers". */
  blocks: string;
  /** Widths of a block's norms, by their tensors' names in it. */
  norms: Readonly<Record<string, number>>;
  /** By a module's path in the block, in the order of the forward pass. */
  linears: Readonly<Record<string, BlockLinear>>;
}

export function blockPath({ blocks }: DecoderLayout, layer: number): string {
  return `${blocks}.${layer}`;
}

export function linearLayersOf(layout: DecoderLayout): LinearLayer[] {
  const { layers, linears, head, hiddenSize, vocabSize } = layout;
  const inBlocks = Array.from({ length: layers }, (_, layer) =>
    Object.entries(linears).map(([path, { inFeatures, outFeatures }]) => ({
      path: `${blockPath(layout, layer)}.${path}`,
      inFeatures,
      outFeatures,
      isHead: false,
    })),
  );
  const last = { path: head, inFeatures: hiddenSize, outFeatures: vocabSize, isHead: true };
  return [...inBlocks.flat(), last];
}

export function tensorsOf(layout: DecoderLayout): NamedShape[] {
  const { layers, linears, norms, hiddenSize, vocabSize } = layout;
  const inBlocks = Array.from({ length: layers }, (_, layer) => blockPath(layout, layer));
  const ofLinears = inBlocks.flatMap((block) =>
    Object.entries(linears).flatMap(([path, { inFeatures, outFeatures, hasBias }]) => [
      { name: `${block}.${path}.weight`, shape: [outFeatures, inFeatures] },
      ...(hasBias ? [{ name: `${block}.${path}.bias`, shape: [outFeatures] }] : []),
    ]),
  );
  const ofNorms = inBlocks.flatMap((block) =>
    Object.entries(norms).map(([norm, width]) => ({ name: `${block}.${norm}`, shape: [width] })),
  );
  const head = { name: `${layout.head}.weight`, shape: [vocabSize, hiddenSize] };
  return [
    { name: layout.embedding, shape: [vocabSize, hiddenSize] },
    ...ofNorms,
    { name: layout.finalNorm, shape: [hiddenSize] },
    ...ofLinears,
    ...(layout.tiedEmbeddings ? [] : [head]),
  ];
}
