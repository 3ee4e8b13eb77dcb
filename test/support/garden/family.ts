// A family from outside of src: Llama's body under names of its own, whose norms multiply by 1 + weight, as Gemma's
// do. `plantGarden` lists it where a file in src would be listed: three registries, and nothing else.
import { describeFamily } from "../../../src/families/family.ts";
import { ggufFamilies } from "../../../src/families/import-gguf.ts";
import { families } from "../../../src/families/registry.ts";
import type { GgufFamily } from "../../../src/gguf/gguf-family.ts";
import { number } from "../../../src/gguf/metadata.ts";
import type { Model } from "../../../src/models/model.ts";
import { attention, rotary } from "../../../src/models/parts/attention.ts";
import { decoder } from "../../../src/models/parts/decoder.ts";
import {
  type DecoderConfig,
  parseDecoderConfig,
} from "../../../src/models/parts/decoder-config.ts";
import type { DecoderLayout } from "../../../src/models/parts/decoder-layout.ts";
import { swiGlu } from "../../../src/models/parts/feed-forward.ts";
import { type Norm, blockNorm } from "../../../src/models/parts/norms.ts";
import { models } from "../../../src/models/registry.ts";

const NAME = "garden";

/** Llama's name of a tensor, in pieces, and the garden's. */
const RENAMED: readonly [RegExp, string][] = [
  [/^model\.embed_tokens\./u, "soil."],
  [/^model\.norm\./u, "last_rake."],
  [/^lm_head\./u, "harvest."],
  [/^model\.layers\./u, "beds."],
  [/\.input_layernorm\./u, ".rake."],
  [/\.post_attention_layernorm\./u, ".hoe."],
  [/\.self_attn\.(\w)_proj\./u, ".roots.$1."],
  [/\.mlp\.(\w+)_proj\./u, ".leaves.$1."],
];

export function gardenName(llama: string): string {
  return RENAMED.reduce((name, [from, to]) => name.replace(from, to), llama);
}

const ROOTS = { role: "linear", part: "attention" } as const;
const LEAVES = { role: "linear", part: "feed-forward" } as const;

const family = describeFamily({
  name: NAME,
  causalLm: "GardenForCausalLM",
  before: { soil: "embedding" },
  blocks: "beds",
  inBlock: {
    rake: { role: "norm" },
    "roots.q": ROOTS,
    "roots.k": ROOTS,
    "roots.v": ROOTS,
    "roots.o": ROOTS,
    hoe: { role: "norm" },
    "leaves.gate": LEAVES,
    "leaves.up": LEAVES,
    "leaves.down": LEAVES,
  },
  after: { last_rake: "norm", harvest: "head" },
  gguf: {
    architecture: "allotment",
    checkpointName: (stored) => stored.replace(/^blk\./u, "beds."),
  },
});

function norm(width: number, epsilon: number): Norm {
  return ({ b, tensor }, name, x) => {
    const one = b.constant(`${name}.one`, new Float32Array([1]), [1]);
    const weight = b.add(b.asFloat32(tensor(name, [width])), one);
    return b.apply("RmsNorm", [x, weight], { epsilon });
  };
}

const model: Model = {
  name: NAME,
  open: (json, file) => {
    const config = parseDecoderConfig(json, file);
    const { headSize, rope, hiddenSize, normEpsilon } = config;
    const scaled = norm(hiddenSize, normEpsilon);
    return decoder({
      family,
      config,
      layout: layoutOf(config),
      norm: scaled,
      blocks: (context) => {
        const { b } = context;
        const roots = { query: "roots.q", key: "roots.k", value: "roots.v", output: "roots.o" };
        const form = { ...roots, headSize, rotate: rotary(context, rope) };
        const leaves = { gate: "leaves.gate", up: "leaves.up", down: "leaves.down" };
        const rake = { norm: scaled, name: "rake.weight" };
        const hoe = { norm: scaled, name: "hoe.weight" };
        return {
          attention: (bed, x) => b.add(x, attention(bed, blockNorm(bed, x, rake), form)),
          feedForward: (bed, x) => b.add(x, swiGlu(bed, blockNorm(bed, x, hoe), leaves)),
        };
      },
    });
  },
};

function layoutOf(config: DecoderConfig): DecoderLayout {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const linear = (inFeatures: number, outFeatures: number) => ({
    inFeatures,
    outFeatures,
    hasBias: false,
  });
  return {
    vocabSize: config.vocabSize,
    hiddenSize,
    layers: config.layers,
    tiedEmbeddings: config.tiedEmbeddings,
    embedding: "soil.weight",
    finalNorm: "last_rake.weight",
    head: "harvest",
    blocks: "beds",
    norms: { "rake.weight": hiddenSize, "hoe.weight": hiddenSize },
    linears: {
      "roots.q": linear(hiddenSize, heads * headSize),
      "roots.k": linear(hiddenSize, keyValueHeads * headSize),
      "roots.v": linear(hiddenSize, keyValueHeads * headSize),
      "roots.o": linear(heads * headSize, hiddenSize),
      "leaves.gate": linear(hiddenSize, intermediateSize),
      "leaves.up": linear(hiddenSize, intermediateSize),
      "leaves.down": linear(intermediateSize, hiddenSize),
    },
  };
}

/** Its files have the garden's own names, but for the blocks. */
const gguf: GgufFamily = {
  name: "allotment",
  examples: "Kitchen Garden",
  open: (header) => {
    const [heads, width] = [number(header, "garden.heads"), number(header, "garden.width")];
    const config = {
      model_type: NAME,
      vocab_size: header.tensors.get("soil.weight")?.shape[0],
      hidden_size: width,
      intermediate_size: number(header, "garden.leaves"),
      num_hidden_layers: number(header, "garden.beds"),
      num_attention_heads: heads,
      tie_word_embeddings: true,
    };
    const tensors = [...header.tensors.values()].map((source) => ({
      name: family.gguf?.checkpointName(source.name) ?? source.name,
      source,
      interleavedHeads: undefined,
    }));
    return Promise.resolve({ config, checkpoint: () => ({ tensors, zeros: [] }) });
  },
};

/** @returns takes it out again */
export function plantGarden(): () => void {
  const takeOut = [families.add(family), models.add(model), ggufFamilies.add(gguf)];
  return () => takeOut.forEach((undo) => undo());
}
