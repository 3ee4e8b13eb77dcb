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
  LinearResult,
  NamedShape,
} from "../graph/causal-lm.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { dimAt } from "../graph/dim.ts";
import type { Value } from "../graph/graph.ts";
import { type LlamaConfig, parseLlamaConfig } from "./llama-config.ts";
import { ropeTables } from "./rope.ts";
import { llamaFamily } from "../families/llama.ts";

const EMBEDDINGS = "model.embed_tokens.weight";
const FINAL_NORM = "model.norm.weight";
const HEAD = "lm_head";

export function llama(json: unknown, file: string): CausalLm {
  const config = parseLlamaConfig(json, file);
  return {
    vocabSize: config.vocabSize,
    maxPositions: config.maxPositions,
    layers: config.layers,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headSize: config.headSize,
    initializerRange: config.initializerRange,
    embedding: EMBEDDINGS,
    blockOf: llamaFamily.blockOf,
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
    const { hiddenSize, vocabSize, layers, tiedEmbeddings } = this.#config;
    const embeddings = this.#context.tensor(EMBEDDINGS, [vocabSize, hiddenSize]);
    // (N, C), the residual stream
    const embedded = b.asFloat32(b.apply("GatherRows", [embeddings, ids], {}));
    let x = this.#context.embedded(embedded, ids, () => b.asFloat32(embeddings));
    for (let layer = 0; layer < layers; layer++) {
      b.checkpoint(x);
      x = b.scope(`model.layers.${layer}`, () => {
        const attended = this.#attention(layer, x);
        const edit = this.#context.edit(layer);
        const choose = (stream: Value): Value => b.apply("GatherRows", [stream, rows], {});
        if (edit) {
          const edited = edit(this.#feedForward(layer, attended));
          return layer === layers - 1 ? choose(edited) : edited;
        }
        // After the last attention tokens no longer meet: (R, C), only those that are asked for
        return this.#feedForward(layer, layer === layers - 1 ? choose(attended) : attended);
      });
    }
    const hidden = this.#norm(FINAL_NORM, x);
    const headWeight = tiedEmbeddings
      ? embeddings
      : this.#context.tensor(`${HEAD}.weight`, [vocabSize, hiddenSize]);
    const logits = (): Value => {
      const weight = (): Value => b.asFloat32(headWeight);
      const product = (z: Value): Value => b.gemm(z, weight(), { transB: true });
      const layer = { path: HEAD, base: product(hidden), weight, bias: undefined, product };
      return only(this.#context.adapt(b, hidden, [layer]));
    };
    return { hidden, headWeight, logits };
  }

  #norm(name: string, x: Value): Value {
    const weight = this.#context.tensor(name, [this.#config.hiddenSize]);
    return this.#b.apply("RmsNorm", [x, this.#b.asFloat32(weight)], {
      epsilon: this.#config.normEpsilon,
    });
  }

  /** x·Wᵀ + bias of layers that share x, with the adapters' parts. x [N,in] → [N,out] each. */
  #linear(x: Value, layers: readonly { path: string; outFeatures: number }[]): readonly Value[] {
    const b = this.#b;
    const inFeatures = dimAt(x.shape, 1);
    const results = layers.map(({ path, outFeatures }): LinearResult => {
      const stored = this.#context.tensor(`${path}.weight`, [outFeatures, inFeatures]);
      const weight = (): Value => b.asFloat32(stored);
      const product = (z: Value): Value => b.gemm(z, weight(), { transB: true });
      const unbiased = product(x);
      if (!hasBias(this.#config, path)) {
        return { path, base: unbiased, weight, bias: undefined, product };
      }
      const bias = b.asFloat32(this.#context.tensor(`${path}.bias`, [outFeatures]));
      return { path, base: b.add(unbiased, bias), weight, bias, product };
    });
    return this.#context.adapt(b, x, results);
  }

  /** (N, C) → (N, C), with the residual added. */
  #attention(layer: number, x: Value): Value {
    const b = this.#b;
    const { hiddenSize, heads, keyValueHeads, headSize } = this.#config;
    const path = `model.layers.${layer}.self_attn`;
    const normed = this.#norm(`model.layers.${layer}.input_layernorm.weight`, x);
    const [q, k, v] = this.#linear(normed, [
      { path: `${path}.q_proj`, outFeatures: heads * headSize },
      { path: `${path}.k_proj`, outFeatures: keyValueHeads * headSize },
      { path: `${path}.v_proj`, outFeatures: keyValueHeads * headSize },
    ]) as [Value, Value, Value];
    const rotate = (flat: Value): Value =>
      b.apply("Rope", [flat, this.#context.inputs.positions, this.#cos, this.#sin], {});
    const scale = 1 / Math.sqrt(headSize);
    const attended = this.#context.attend({ layer, q: rotate(q), k: rotate(k), v, scale });
    const output = { path: `${path}.o_proj`, outFeatures: hiddenSize };
    return b.add(x, only(this.#linear(attended, [output])));
  }

  /** (N, C) → (N, C), with the residual added. */
  #feedForward(layer: number, x: Value): Value {
    const b = this.#b;
    const { hiddenSize, intermediateSize } = this.#config;
    const path = `model.layers.${layer}.mlp`;
    const normed = this.#norm(`model.layers.${layer}.post_attention_layernorm.weight`, x);
    const [gate, up] = this.#linear(normed, [
      { path: `${path}.gate_proj`, outFeatures: intermediateSize },
      { path: `${path}.up_proj`, outFeatures: intermediateSize },
    ]) as [Value, Value];
    const activated = b.apply("SwiGlu", [gate, up], {});
    const output = { path: `${path}.down_proj`, outFeatures: hiddenSize };
    return b.add(x, only(this.#linear(activated, [output])));
  }
}

function only(values: readonly Value[]): Value {
  const [value] = values;
  if (!value || values.length > 1) throw new Error(`internal: ${values.length} values for one`);
  return value;
}
