import { describeLlamaLike } from "./llama-like.ts";

export const qwen2Family = describeLlamaLike({
  name: "qwen2",
  causalLm: "Qwen2ForCausalLM",
  architecture: "qwen2",
});
