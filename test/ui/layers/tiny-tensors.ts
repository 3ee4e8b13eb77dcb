/** A Llama of two blocks, as `readBaseTensors` gives it. */
import { llamaFamily } from "../../../src/families/llama.ts";
import { type BaseTensor, baseTensor } from "../../../src/ui/layers/base-tensors.ts";

export function tinyTensors({ tied = true }: { tied?: boolean } = {}): BaseTensor[] {
  const tensor = (name: string, ...shape: number[]): BaseTensor =>
    baseTensor(llamaFamily, name, shape);
  const block = (at: string) => [
    tensor(`${at}.input_layernorm.weight`, 4),
    tensor(`${at}.post_attention_layernorm.weight`, 4),
    ...["q", "k", "v", "o"].map((part) => tensor(`${at}.self_attn.${part}_proj.weight`, 4, 4)),
    tensor(`${at}.self_attn.q_proj.bias`, 4),
    ...["gate", "up", "down"].map((part) => tensor(`${at}.mlp.${part}_proj.weight`, 4, 4)),
  ];
  return [
    ...(tied ? [] : [tensor("lm_head.weight", 10, 4)]),
    tensor("model.embed_tokens.weight", 10, 4),
    ...block("model.layers.0"),
    ...block("model.layers.1"),
    tensor("model.norm.weight", 4),
  ];
}
