import { describeLlamaLike } from "./llama-like.ts";

export const llamaFamily = describeLlamaLike({
  name: "llama",
  causalLm: "LlamaForCausalLM",
  architecture: "llama",
});
