/**
 * LoRA (arXiv 2106.09685): y = W·x + s·B·(A·dropout(x)), A [r,in], B [out,r], W frozen;
 * s = alpha / r, or alpha / √r for rsLoRA (arXiv 2312.03732). DoRA (arXiv 2402.09353) trains the
 * length of each of W's rows apart: y = m ∘ (W·x + s·B·A·x) / ‖W + s·B·A‖, the norm taken as a
 * constant (its section 4.3). Names are PEFT's.
 */
import type { GraphBuilder } from "../../graph/builder.ts";
import type {
  EmbeddingHook,
  LinearHook,
  LinearLayer,
  LinearResult,
  NamedShape,
} from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";

/** One adapted linear layer. */
export interface LoraSite {
  layer: LinearLayer;
  rank: number;
  /** s above. */
  scale: number;
}

/**
 * LoRA on the token embeddings E [V,C]: x = E[id] + s·(Aᵀ[id])·Bᵀ, A [r,V], B [C,r]. A head that is
 * tied to E stays as it is, as in PEFT. DoRA's lengths there are of E's columns: m ∘ x / ‖(E + s·AᵀBᵀ)ᵀ‖.
 */
export interface LoraEmbedding {
  path: string;
  vocabSize: number;
  width: number;
  rank: number;
  scale: number;
}

/** What the config of an adapter says of all its sites. */
export interface LoraSettings {
  sites: readonly LoraSite[];
  embedding?: LoraEmbedding | undefined;
  rank: number;
  alpha: number;
  useRslora: boolean;
  useDora: boolean;
  /** Starts as a part of W itself (PiSSA), which is taken away from W: y = W·x + s·(B·A − B₀·A₀)·x. */
  fromPrincipal?: boolean;
  dropout: number;
  /** Regular expressions over the end of a module's path → its own rank or alpha. */
  rankPattern?: Readonly<Record<string, number>> | undefined;
  alphaPattern?: Readonly<Record<string, number>> | undefined;
}

function loraNames(path: string): { a: string; b: string; magnitude: string } {
  return {
    a: `base_model.model.${path}.lora_A.weight`,
    b: `base_model.model.${path}.lora_B.weight`,
    magnitude: `base_model.model.${path}.lora_magnitude_vector`,
  };
}

function embeddingNames({ path }: LoraEmbedding): { a: string; b: string; magnitude: string } {
  const stem = `base_model.model.${path}`;
  const { magnitude } = loraNames(path);
  return { a: `${stem}.lora_embedding_A`, b: `${stem}.lora_embedding_B`, magnitude };
}

function embeddingTensors(embedding: LoraEmbedding, useDora: boolean): NamedShape[] {
  const { a, b, magnitude } = embeddingNames(embedding);
  const { rank, vocabSize, width } = embedding;
  return [
    { name: a, shape: [rank, vocabSize] },
    { name: b, shape: [width, rank] },
    ...(useDora ? [{ name: magnitude, shape: [width] }] : []),
  ];
}

/** The hook on the embeddings, where they have a part of the adapter. */
export function loraEmbedded(
  embedding: LoraEmbedding,
  { b, tensor, useDora }: { b: GraphBuilder; tensor: (name: string) => Value; useDora: boolean },
): EmbeddingHook {
  const names = embeddingNames(embedding);
  const { scale: alpha } = embedding;
  return (x, ids, table) => {
    const [a, up] = [tensor(names.a), tensor(names.b)];
    const down = b.apply("GatherRows", [b.transpose(a, [1, 0]), ids], {});
    const changed = b.add(x, b.gemm(down, up, { transB: true, alpha }));
    if (!useDora) return changed;
    // (C, V): a norm for each of the table's columns
    const whole = b.gemm(up, a, { c: b.transpose(table(), [1, 0]), alpha });
    const norms = b.apply("InverseRowNorms", [whole], {});
    return b.mul(changed, b.mul(tensor(names.magnitude), norms));
  };
}

/** A then B (then DoRA's magnitudes) of each site, in the order in which the forward pass meets them. */
export function loraTensors({ sites, embedding, useDora }: LoraSettings): NamedShape[] {
  const ofSites = sites.flatMap(({ layer, rank }) => {
    const { a, b, magnitude } = loraNames(layer.path);
    return [
      { name: a, shape: [rank, layer.inFeatures] },
      { name: b, shape: [layer.outFeatures, rank] },
      ...(useDora ? [{ name: magnitude, shape: [layer.outFeatures] }] : []),
    ];
  });
  return embedding ? [...embeddingTensors(embedding, useDora), ...ofSites] : ofSites;
}

export function loraScale(alpha: number, rank: number, useRslora: boolean): number {
  return alpha / (useRslora ? Math.sqrt(rank) : rank);
}

interface LoraContext {
  /** The live A and B of a site, by PEFT's name. */
  tensor: (name: string) => Value;
  /** What they were at the start. */
  start: (name: string) => Value;
  /** Mask for the input of the site with this number; undefined for no dropout. */
  dropoutMask?: ((site: number, like: Value) => Value) | undefined;
}

/**
 * The hook that adds each site's update. Sites that share an input share its products with their
 * A, stacked: (N, in)·(Σr, in)ᵀ is one pass over x, forward and backward.
 */
export function loraHook(
  { sites, useDora, fromPrincipal = false }: LoraSettings,
  { tensor, start, dropoutMask }: LoraContext,
): LinearHook {
  const numbered = new Map(sites.map((site, number) => [site.layer.path, { site, number }]));
  return (b, x, layers) => {
    const adapted = layers.flatMap(({ path }) => {
      const found = numbered.get(path);
      if (!found) return [];
      const names = loraNames(path);
      return [{ path, ...found, a: tensor(names.a), b: tensor(names.b) }];
    });
    const dropped = adapted.map(({ number }) =>
      dropoutMask ? b.mul(x, dropoutMask(number, x)) : x,
    );
    const down = dropoutMask
      ? adapted.map(({ a }, index) => b.gemm(dropped[index] as Value, a, { transB: true }))
      : stackedProducts(
          b,
          x,
          adapted.map(({ a }) => a),
        );
    return layers.map((layer) => {
      const { path, base } = layer;
      const index = adapted.findIndex((site) => site.path === path);
      const [site, h] = [adapted[index], down[index]];
      if (!site || !h) return base;
      // (N, r) → (N, out) on top of the frozen layer's result
      const update = b.gemm(h, site.b, { transB: true, alpha: site.site.scale });
      if (fromPrincipal) {
        const { a, b: up } = loraNames(path);
        const before = b.gemm(x, start(a), { transB: true });
        const taken = b.gemm(before, start(up), { transB: true, alpha: site.site.scale });
        return b.add(base, b.sub(update, taken));
      }
      if (!useDora) return b.add(base, update);
      const factors = {
        ...site,
        scale: site.site.scale,
        magnitude: tensor(loraNames(path).magnitude),
      };
      return withMagnitude(b, layer, { factors, update, x: dropoutMask && dropped[index] });
    });
  };
}

/**
 * DoRA's result from the update s·B·A·x.
 * @param options.x the input with dropout, where there is any: as in PEFT, W·x is then kept whole and
 *   only its change is made from what is left of x
 */
function withMagnitude(
  b: GraphBuilder,
  { base, weight, bias, product }: LinearResult,
  {
    factors,
    update,
    x,
  }: {
    factors: { a: Value; b: Value; scale: number; magnitude: Value };
    update: Value;
    x: Value | undefined;
  },
): Value {
  const { scale: alpha, magnitude } = factors;
  const changed = b.gemm(factors.b, factors.a, { c: weight(), alpha });
  const stretch = b.mul(magnitude, b.apply("InverseRowNorms", [changed], {}));
  if (x) {
    const ofDropped = product(x);
    return b.add(base, b.sub(b.mul(b.add(ofDropped, update), stretch), ofDropped));
  }
  const unbiased = bias ? b.sub(base, bias) : base;
  const stretched = b.mul(b.add(unbiased, update), stretch);
  return bias ? b.add(stretched, bias) : stretched;
}

/** x·Aᵀ of each A [r,in], through one product: [N,r] each. */
function stackedProducts(b: GraphBuilder, x: Value, matrices: readonly Value[]): readonly Value[] {
  if (matrices.length < 2) return matrices.map((a) => b.gemm(x, a, { transB: true }));
  const ranks = matrices.map(({ shape }) => shape[0] as number);
  return b.split(b.gemm(x, b.concat(matrices, 0), { transB: true }), { axis: 1, sizes: ranks });
}
