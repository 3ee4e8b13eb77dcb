import { llamaLikeGguf } from "./llama-like-gguf.ts";
import { QUERY_KEY_VALUE } from "./llama-like-gguf-tensors.ts";
import { qwen2Family } from "./qwen2.ts";

export const qwen2Gguf = llamaLikeGguf({
  architecture: "qwen2",
  family: qwen2Family,
  examples: "Qwen 2 and 2.5",
  interleavesHeads: false,
  normsHeads: false,
  biases: QUERY_KEY_VALUE,
  statedBiases: {},
});
