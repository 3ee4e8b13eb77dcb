/** Qwen 2 and 2.5 (arXiv 2407.10671), QwQ, and what was distilled into them: Llama with biases on queries, keys and values. */
import { qwen2Family } from "../families/qwen2.ts";
import { InputError } from "../util/errors.ts";
import type { Model } from "./model.ts";
import { parseDecoderConfig } from "./parts/decoder-config.ts";
import { llamaLike } from "./parts/llama-like.ts";

/** transformers' Qwen2Config. */
const DEFAULTS = { num_key_value_heads: 32, max_position_embeddings: 32_768 };
const BIASES = { queryKeyValue: true, output: false, feedForward: false };

export const qwen2: Model = {
  name: qwen2Family.name,
  open: (json, file) => {
    const config = parseDecoderConfig(json, file, DEFAULTS);
    if ((json as { use_sliding_window?: unknown }).use_sliding_window === true) {
      throw new InputError(`${file}: use_sliding_window true is not supported, only false`);
    }
    return llamaLike({ family: qwen2Family, config, biases: BIASES });
  },
};
