/**
 * Prefix tuning (arXiv 2101.00190) trains the keys and values that each layer finds at the places of
 * virtual tokens; they are not rotated: PEFT gives them as a filled key-value cache.
 */
import { promptEmbeddings } from "../../adapter-files/peft/others.ts";
import type { CausalLm } from "../../graph/causal-lm.ts";
import type { Value } from "../../graph/graph.ts";
import type { PrefixTuningMethod } from "../../protocol/methods/prefix-tuning.ts";
import type { Adapter, AdapterContext, AdapterHooks, TrainingMethod } from "../method.ts";
import { savePeft } from "../peft.ts";
import { initialValues } from "../random.ts";
import {
  PROMPT_EMBEDDINGS,
  besideVirtual,
  virtualFeeds,
  virtualTokens,
} from "../virtual-tokens.ts";

export const prefixTuning: TrainingMethod<PrefixTuningMethod> = {
  name: "prefix-tuning",
  tune: ({ tokens }, { architecture }) => ({
    adapter: prefixAdapter(tokens, architecture),
    start:
      ({ architecture: { initializerRange } }, { seed }) =>
      async (tensor) =>
        initialValues(tensor, { seed, initializerRange }),
  }),
  reader: {
    peftTypes: ["PREFIX_TUNING"],
    adapter: (folder, { architecture }) => {
      const [tokens = 0] = promptEmbeddings(folder).shape;
      return prefixAdapter(tokens, architecture);
    },
  },
};

function prefixAdapter(tokens: number, architecture: CausalLm): Adapter {
  const { layers, keyValueHeads, headSize } = architecture;
  // K·D, of all key heads of a layer.
  const width = keyValueHeads * headSize;
  return {
    // Each row: of every layer the key, then the value.
    tensors: [{ name: PROMPT_EMBEDDINGS, shape: [tokens, layers * 2 * width] }],
    hooks: (context) => ({ keysValues: keysValues({ layers, width }, context) }),
    virtualTokens: tokens,
    feeds: virtualFeeds,
    save: (dir, trained) =>
      savePeft(
        dir,
        {
          peft_type: "PREFIX_TUNING",
          num_virtual_tokens: tokens,
          // PEFT's prefix tuning of grouped queries counts key heads only.
          token_dim: width,
          num_transformer_submodules: 1,
          num_attention_heads: keyValueHeads,
          num_layers: layers,
          encoder_hidden_size: width,
          prefix_projection: false,
          ...besideVirtual(trained),
        },
        trained,
      ),
  };
}

function keysValues(
  { layers, width }: { layers: number; width: number },
  context: AdapterContext,
): NonNullable<AdapterHooks["keysValues"]> {
  const { b, tensor } = context;
  const replaced = virtualTokens(context);
  let tables: readonly Value[] | undefined;
  return (layer, { k, v }) => {
    const sizes = Array.from({ length: 2 * layers }, () => width);
    tables ??= b.split(tensor(PROMPT_EMBEDDINGS), { axis: 1, sizes });
    const [key, value] = tables.slice(2 * layer) as [Value, Value];
    return { k: replaced(k, key), v: replaced(v, value) };
  };
}
