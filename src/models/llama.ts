/**
 * Llama (arXiv 2302.13971): pre-norm blocks of grouped-query attention with rotary positions and a
 * SwiGLU feed-forward. Serves Llama 2 and 3, SmolLM, TinyLlama and whatever else says
 * `model_type: llama`. Tensor names are the checkpoint's.
 */
import type {
  CausalLm,
  CausalLmContext,
  CausalLmOutputs,
  LinearLayer,
  NamedShape,
} from "../graph/causal-lm.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/graph.ts";
import { product } from "../graph/dim.ts";
import { type LlamaConfig, parseLlamaConfig } from "./llama-config.ts";
import { ropeTables } from "./rope.ts";

const EMBEDDINGS = "model.embed_tokens.weight";
const FINAL_NORM = "model.norm.weight";
const HEAD = "lm_head";
/** Rows of all hidden states: one per token. */
const TOKENS = product(["B", "T"]);

export function llama(json: unknown, file: string): CausalLm {
  const config = parseLlamaConfig(json, file);
  return {
    vocabSize: config.vocabSize,
    maxPositions: config.maxPositions,
    layers: config.layers,
    keyValueHeads: config.keyValueHeads,
    headSize: config.headSize,
    initializerRange: config.initializerRange,
    tensors: tensors(config),
    linearLayers: linearLayers(config),
    build: (context) => new LlamaBuilder(config, context).build(),
  };
}

function linearLayers(config: LlamaConfig): LinearLayer[] {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const linear = (path: string, inFeatures: number, outFeatures: number): LinearLayer => ({
    path,
    inFeatures,
    outFeatures,
    isHead: path === HEAD,
  });
  const blocks = Array.from({ length: config.layers }, (_, layer) => {
    const prefix = `model.layers.${layer}`;
    return [
      linear(`${prefix}.self_attn.q_proj`, hiddenSize, heads * headSize),
      linear(`${prefix}.self_attn.k_proj`, hiddenSize, keyValueHeads * headSize),
      linear(`${prefix}.self_attn.v_proj`, hiddenSize, keyValueHeads * headSize),
      linear(`${prefix}.self_attn.o_proj`, heads * headSize, hiddenSize),
      linear(`${prefix}.mlp.gate_proj`, hiddenSize, intermediateSize),
      linear(`${prefix}.mlp.up_proj`, hiddenSize, intermediateSize),
      linear(`${prefix}.mlp.down_proj`, intermediateSize, hiddenSize),
    ];
  });
  return [...blocks.flat(), linear(HEAD, hiddenSize, config.vocabSize)];
}

function hasBias(config: LlamaConfig, path: string): boolean {
  if (path === HEAD) return false;
  return path.includes(".mlp.") ? config.mlpBias : config.attentionBias;
}

function tensors(config: LlamaConfig): NamedShape[] {
  const { hiddenSize } = config;
  const linear = linearLayers(config)
    .filter(({ isHead }) => !(isHead && config.tiedEmbeddings))
    .flatMap(({ path, inFeatures, outFeatures }): NamedShape[] => {
      const weight = { name: `${path}.weight`, shape: [outFeatures, inFeatures] };
      return hasBias(config, path)
        ? [weight, { name: `${path}.bias`, shape: [outFeatures] }]
        : [weight];
    });
  const norms = Array.from({ length: config.layers }, (_, layer) =>
    ["input_layernorm", "post_attention_layernorm"].map((norm) => ({
      name: `model.layers.${layer}.${norm}.weight`,
      shape: [hiddenSize],
    })),
  );
  return [
    { name: EMBEDDINGS, shape: [config.vocabSize, hiddenSize] },
    ...norms.flat(),
    { name: FINAL_NORM, shape: [hiddenSize] },
    ...linear,
  ];
}

class LlamaBuilder {
  readonly #config: LlamaConfig;
  readonly #context: CausalLmContext;
  readonly #b: GraphBuilder;
  readonly #cos: Value;
  readonly #sin: Value;

  constructor(config: LlamaConfig, context: CausalLmContext) {
    this.#config = config;
    this.#context = context;
    this.#b = context.b;
    const { maxPositions } = context;
    const { cos, sin } = ropeTables(config.rope, maxPositions);
    const shape = [maxPositions, config.headSize / 2];
    this.#cos = context.b.constant("rope.cos", cos, shape);
    this.#sin = context.b.constant("rope.sin", sin, shape);
  }

  build(): CausalLmOutputs {
    const b = this.#b;
    const { ids, rows } = this.#context.inputs;
    const { hiddenSize, vocabSize, layers } = this.#config;
    const embeddings = this.#context.tensor(EMBEDDINGS, [vocabSize, hiddenSize]);
    // (B*T, C), the residual stream
    let x = b.asFloat32(b.apply("GatherRows", [embeddings, ids], {}));
    const present: { key: Value; value: Value }[] = [];
    for (let layer = 0; layer < layers; layer++) {
      x = b.scope(`model.layers.${layer}`, () => {
        const attention = this.#attention(layer, x);
        present.push(attention.present);
        return this.#feedForward(layer, attention.x);
      });
    }
    // (R, C): only the rows that are asked for reach the head
    const chosen = b.apply("GatherRows", [x, rows], {});
    return { logits: this.#head(this.#norm(FINAL_NORM, chosen)), present };
  }

  #norm(name: string, x: Value): Value {
    const weight = this.#context.tensor(name, [this.#config.hiddenSize]);
    return this.#b.apply("RmsNorm", [x, this.#b.asFloat32(weight)], {
      epsilon: this.#config.normEpsilon,
    });
  }

  /** x·Wᵀ + bias + residual, with the adapter's part. x [N,in] → [N,out]. */
  #linear(
    path: string,
    x: Value,
    [inFeatures, outFeatures]: readonly [number, number],
    residual?: Value,
  ): Value {
    const b = this.#b;
    const stored = this.#context.tensor(`${path}.weight`, [outFeatures, inFeatures]);
    const bias = hasBias(this.#config, path)
      ? b.asFloat32(this.#context.tensor(`${path}.bias`, [outFeatures]))
      : undefined;
    const product = b.gemm(x, b.asFloat32(stored), { transB: true, c: bias ?? residual });
    const base = bias && residual ? b.add(product, residual) : product;
    return this.#context.adapt(b, { path, x, base });
  }

  #attention(layer: number, x: Value): { x: Value; present: { key: Value; value: Value } } {
    const b = this.#b;
    const { inputs } = this.#context;
    const { hiddenSize, heads, keyValueHeads, headSize } = this.#config;
    const path = `model.layers.${layer}.self_attn`;
    const normed = this.#norm(`model.layers.${layer}.input_layernorm.weight`, x);
    // (B*T, n*D) → (B, n, T, D)
    const split = (flat: Value, count: number): Value =>
      b.transpose(b.reshape(flat, ["B", "T", count, headSize]), [0, 2, 1, 3]);
    const project = (name: string, count: number): Value =>
      split(this.#linear(`${path}.${name}`, normed, [hiddenSize, count * headSize]), count);
    const rotate = (heads4: Value): Value =>
      b.apply("Rope", [heads4, inputs.positions, this.#cos, this.#sin], {});
    const q = rotate(project("q_proj", heads));
    const past = inputs.past?.[layer];
    const extend = (before: Value | undefined, now: Value): Value =>
      before ? b.apply("Concat", [before, now], { axis: 2, size: "S" }) : now;
    const key = extend(past?.key, rotate(project("k_proj", keyValueHeads)));
    const value = extend(past?.value, project("v_proj", keyValueHeads));
    const attended = b.apply("Attention", [q, key, value, inputs.mask], {
      scale: 1 / Math.sqrt(headSize),
    });
    // (B, H, T, D) → (B*T, H*D)
    const joined = b.reshape(b.transpose(attended, [0, 2, 1, 3]), [TOKENS, heads * headSize]);
    const shape = [heads * headSize, hiddenSize] as const;
    return { x: this.#linear(`${path}.o_proj`, joined, shape, x), present: { key, value } };
  }

  #feedForward(layer: number, x: Value): Value {
    const { hiddenSize, intermediateSize } = this.#config;
    const path = `model.layers.${layer}.mlp`;
    const normed = this.#norm(`model.layers.${layer}.post_attention_layernorm.weight`, x);
    const gate = this.#linear(`${path}.gate_proj`, normed, [hiddenSize, intermediateSize]);
    const up = this.#linear(`${path}.up_proj`, normed, [hiddenSize, intermediateSize]);
    const activated = this.#b.apply("SwiGlu", [gate, up], {});
    return this.#linear(`${path}.down_proj`, activated, [intermediateSize, hiddenSize], x);
  }

  /** (R, C) → (R, V). */
  #head(x: Value): Value {
    const { hiddenSize, vocabSize, tiedEmbeddings } = this.#config;
    if (!tiedEmbeddings) return this.#linear(HEAD, x, [hiddenSize, vocabSize]);
    const embeddings = this.#context.tensor(EMBEDDINGS, [vocabSize, hiddenSize]);
    const logits = this.#b.gemm(x, this.#b.asFloat32(embeddings), { transB: true });
    return this.#context.adapt(this.#b, { path: HEAD, x, base: logits });
  }
}
