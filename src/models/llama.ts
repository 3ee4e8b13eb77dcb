/** Llama (arXiv 2302.13971): Llama 2 and 3, SmolLM, TinyLlama and whatever else says `model_type: llama`. */
import { llamaFamily } from "../families/llama.ts";
import type { Model } from "./model.ts";
import { parseDecoderConfig } from "./parts/decoder-config.ts";
import { llamaLike } from "./parts/llama-like.ts";

export const llama: Model = {
  name: llamaFamily.name,
  open: (json, file) => {
    const config = parseDecoderConfig(json, file);
    const { attentionBias, mlpBias } = config;
    const biases = { queryKeyValue: attentionBias, output: attentionBias, feedForward: mlpBias };
    return llamaLike({ family: llamaFamily, config, biases });
  },
};
