import { llamaFamily } from "./llama.ts";
import { llamaLikeGguf } from "./llama-like-gguf.ts";
import { ATTENTION_LINEARS, MLP_LINEARS } from "./llama-like-gguf-tensors.ts";

export const llamaGguf = llamaLikeGguf({
  architecture: "llama",
  family: llamaFamily,
  examples: "Llama, SmolLM, TinyLlama, Mistral",
  interleavesHeads: true,
  normsHeads: false,
  biases: [],
  statedBiases: { attention_bias: ATTENTION_LINEARS, mlp_bias: MLP_LINEARS },
});
