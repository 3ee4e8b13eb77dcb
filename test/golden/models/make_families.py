"""Tiny models of the families beside Llama, as make_llama.py makes them: odd sizes, biases and norms off their defaults.

    python make_families.py [NAME ...]        (torch 2.13, transformers 5.23, peft 0.21, gguf 0.19)

Beside what make_llama.py writes: model.gguf, the same weights under the names of the gguf package's own table.
"""

import sys

import torch
import transformers
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFWriter, get_tensor_name_map
from make_llama import HERE, make
from safetensors.torch import load_file

SIZES = dict(
    vocab_size=101,
    hidden_size=44,
    intermediate_size=58,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=96,
    rms_norm_eps=3e-5,
)
ALL = dict(r=3, lora_alpha=6, target_modules="all-linear")
THETA = dict(rope_parameters=dict(rope_type="default", rope_theta=1e6))

# name: (family's word in transformers, llama.cpp's architecture, its pre-tokenizer, config)
FAMILIES = {
    "qwen2": ("Qwen2", MODEL_ARCH.QWEN2, "qwen2", dict(SIZES, hidden_size=40, tie_word_embeddings=True, **THETA)),
}


def interleaved(weight, heads):
    """convert_hf_to_gguf.py's LlamaModel.permute: halves of a head side by side."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(folder, arch, pre, config):
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    writer = GGUFWriter(folder / "model.gguf", MODEL_ARCH_NAMES[arch])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    if head_size * heads != config["hidden_size"]:
        writer.add_key_length(head_size)
        writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_parameters", {}).get("rope_theta", 10000.0))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    tokens = [chr(33 + place) for place in range(90)]
    tokens += ["ab", "cd", "abcd", *(f"<{place}>" for place in range(config["vocab_size"] - 93))]
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 93 + [3] * (config["vocab_size"] - 93))
    writer.add_token_merges(["a b", "c d", "ab cd"])
    names = get_tensor_name_map(arch, config["num_hidden_layers"])
    for name, weight in sorted(load_file(folder / "model.safetensors").items()):
        if arch == MODEL_ARCH.LLAMA and ("q_proj" in name or "k_proj" in name):
            weight = interleaved(weight, heads if "q_proj" in name else key_heads)
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), weight.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(names):
    for name, (family, arch, pre, config) in FAMILIES.items():
        if names and name not in names:
            continue
        classes = tuple(
            getattr(transformers, f"{family}{kind}") for kind in ("Config", "ForCausalLM")
        )
        make(name, config, ALL, dict(dtype=torch.float32), classes, new_tokens=70)
        if arch is not None:
            write_gguf(HERE / name, arch, pre, config)


if __name__ == "__main__":
    main(sys.argv[1:])
