/** What transformers writes for a Llama and those like it, its spelling kept. */
export interface LlamaLikeConfigJson {
  architectures: [string | undefined];
  model_type: string;
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  hidden_act: "silu";
  max_position_embeddings: number;
  rms_norm_eps: number;
  rope_theta: number;
  rope_scaling: Readonly<Record<string, number | string>> | null;
  tie_word_embeddings: boolean;
  /** Left out where the family has no such key. */
  attention_bias?: boolean;
  mlp_bias?: boolean;
  bos_token_id?: number;
  eos_token_id?: number;
  pad_token_id?: number;
}
