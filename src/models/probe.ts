/** A model of a few thousand parameters, to try a device with: every operation of a layer, grouped queries included. */
import { llama } from "./llama.ts";

const CONFIG = {
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 16,
};

export const PROBE = llama.open({ ...CONFIG, model_type: llama.name }, "the device check");
