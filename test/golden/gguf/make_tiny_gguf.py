"""Two tiny Llamas as .gguf, and what transformers and the gguf package make of them.

    python make_tiny_gguf.py        (torch 2.13, transformers 5.23, gguf 0.19)

Writes beside this file, per variant: NAME.gguf; NAME.safetensors with ids and transformers' logits;
NAME.json with config.json's expected keys, the sha256 of every tensor as transformers' GGUF loader
gives it (float32), and texts with their token ids.

byte-level: K-quants and legacy quants, tied embeddings, biases on q, k and v only, Llama 3's rotary
factors, a head size of its own, digits split one by one (SmolLM's way).
sentence-piece: half-precision and simple quants, untied head, linear rotary scaling.
"""

import hashlib
import json
import os
import pathlib

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, RopeScalingType
from gguf.quants import quantize
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
from transformers.tokenization_utils_base import generate_merges

HERE = pathlib.Path(__file__).parent
CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps in the sun.",
    "When the weather is warm the children walk to the river and throw stones.",
    "It's what they'd said: we'll see 1234 stars in 2024, don't you think so?",
    "def main(args):\n    return [x + 1 for x in args]\n",
]
TEXTS = CORPUS + [
    "", " ", "   two  spaces ", "\n\n 123  456\t789", "naïve café, Grüße", "日本語 with 漢字 and 😀👍🏽",
    "Привет 42", "²½Ⅷ", "\ufeffBOM \ufeff", "<|user|>hi<|end|>", "a <|end|> b<|end|>", "<s>[INST] x [/INST] y</s>",
    "IT'S we'LL 's", "tab\tand\r\nline\u0085\u2028", "e\u0301 \u00a0\u3000x", "<0x0A> <unk> lo<sp>w", "don't 12 3.14 x9y",
]  # fmt: skip
random = np.random.default_rng(11)
# d (and dmin) that give weights of about 0.1, and where they are in a block
K_SCALES = {
    "Q2_K": {80: 0.02, 82: 0.01}, "Q3_K": {108: 0.003}, "Q4_K": {0: 0.0008, 2: 0.006},
    "Q5_K": {0: 0.0004, 2: 0.006}, "Q6_K": {208: 0.00008},
}  # fmt: skip


def tensor(writer, name, shape, kind, scale=0.1, offset=0.0):
    """Quantises noise; ggml's K-blocks, which the gguf package can't make, are random bits."""
    kind_id = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[kind_id]
    if kind in K_SCALES:
        blocks = random.integers(0, 256, (*shape[:-1], shape[-1] // block, size)).astype(np.uint8)
        for at, value in K_SCALES[kind].items():
            blocks[..., at : at + 2] = np.array([value], np.float16).view(np.uint8)
        data = blocks.reshape(*shape[:-1], -1)
    else:
        data = quantize((offset + scale * random.standard_normal(shape)).astype(np.float32), kind_id)
    writer.add_tensor(name, data, raw_dtype=kind_id)


def weights(writer, c, kinds, biases=()):
    hidden, inner, size = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    queries, keys = c["num_attention_heads"] * size, c["num_key_value_heads"] * size
    shapes = {
        "attn_q": (queries, hidden), "attn_k": (keys, hidden), "attn_v": (keys, hidden), "attn_output": (hidden, queries),
        "ffn_gate": (inner, hidden), "ffn_up": (inner, hidden), "ffn_down": (hidden, inner),
    }  # fmt: skip
    tensor(writer, "token_embd.weight", (c["vocab_size"], hidden), kinds["token_embd"])
    for layer in range(c["num_hidden_layers"]):
        for part, shape in shapes.items():
            tensor(writer, f"blk.{layer}.{part}.weight", shape, kinds[part][layer])
            if part in biases:
                tensor(writer, f"blk.{layer}.{part}.bias", shape[:1], "F32")
        for part in ("attn_norm", "ffn_norm"):
            tensor(writer, f"blk.{layer}.{part}.weight", (hidden,), "F32", offset=1)
    tensor(writer, "output_norm.weight", (hidden,), "F32", offset=1)
    if not c["tie_word_embeddings"]:
        tensor(writer, "output.weight", (c["vocab_size"], hidden), kinds["output"])


def metadata(writer, c):
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(c["hidden_size"])
    writer.add_feed_forward_length(c["intermediate_size"])
    writer.add_head_count(c["num_attention_heads"])
    writer.add_head_count_kv(c["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_rope_freq_base(c["rope_theta"])
    writer.add_rope_dimension_count(c["head_dim"])
    writer.add_key_length(c["head_dim"])
    writer.add_value_length(c["head_dim"])


def llama3_factors(theta, size, factor):
    """As convert_hf_to_gguf's LlamaModel.generate_extra_tensors, for Llama 3.1's settings."""
    low, high, old = 1, 4, 8192
    factors = []
    for freq in 1.0 / (theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size)):
        wavelen = 2 * np.pi / freq
        if wavelen < old / high:
            factors.append(1)
        elif wavelen > old / low:
            factors.append(factor)
        else:
            smooth = (old / wavelen - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def expect(name, c, tokenizer):
    """Runs transformers on the file. @param tokenizer what its GGUF tokenizer is to be"""
    config = LlamaConfig(**{k: v for k, v in c.items() if k not in ("rope_theta", "rope_scaling")},
                         rope_parameters={"rope_theta": c["rope_theta"], **(c["rope_scaling"] or {"rope_type": "default"})})
    model = AutoModelForCausalLM.from_pretrained(HERE, gguf_file=f"{name}.gguf", config=config, dtype=torch.float32).eval()
    for key, value in model.named_parameters():
        if key.endswith("o_proj.bias"):
            value.data.zero_()  # not in the file
    ids = torch.tensor(random.integers(0, c["vocab_size"], (2, 12)))
    with torch.no_grad():
        logits = model(ids).logits
    save_file({"ids": ids, "logits": logits.contiguous()}, HERE / f"{name}.safetensors")
    os.chmod(HERE / f"{name}.safetensors", 0o644)
    tensors = {k: v.contiguous().numpy() for k, v in model.state_dict().items()}
    if c["tie_word_embeddings"]:
        tensors.pop("lm_head.weight", None)
    (HERE / f"{name}.json").write_text(json.dumps({
        "config": c,
        "sha256": {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in sorted(tensors.items())},
        "texts": [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS],
    }, indent=1, ensure_ascii=True) + "\n")  # fmt: skip


def byte_level():
    name, control = "byte-level", ["<|endoftext|>", "<|user|>", "<|end|>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=control, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    trained = Tokenizer(models.BPE())
    split = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trained.pre_tokenizer = split
    trained.train_from_iterator(CORPUS, trainer)
    tokens = [token for token, _ in sorted(trained.get_vocab().items(), key=lambda item: item[1])]
    merges = [" ".join(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    c = dict(
        vocab_size=len(tokens), hidden_size=256, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=131072, rms_norm_eps=1e-5, rope_theta=500000,
        rope_scaling=dict(rope_type="llama3", factor=8, low_freq_factor=1, high_freq_factor=4, original_max_position_embeddings=8192),
        tie_word_embeddings=True, attention_bias=True, mlp_bias=False, bos_token_id=0, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    writer = GGUFWriter(HERE / f"{name}.gguf", "llama")
    metadata(writer, c)
    writer.add_vocab_size(c["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in control else 1 for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(1)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ '<|user|>' + m['content'] + eos_token }}{% endfor %}")
    writer.add_tensor("rope_freqs.weight", llama3_factors(c["rope_theta"], c["head_dim"], 8))
    kinds = dict(
        token_embd="Q6_K", attn_q=("Q4_K", "Q8_0"), attn_k=("Q5_K", "Q6_K"), attn_v=("Q2_K", "Q5_K"),
        attn_output=("Q5_0", "Q4_0"), ffn_gate=("Q3_K", "Q4_K"), ffn_up=("Q4_K", "Q3_K"), ffn_down=("Q4_1", "Q5_1"),
    )  # fmt: skip
    weights(writer, c, kinds, biases=("attn_q", "attn_k", "attn_v"))
    finish(writer)
    tokenizer = AutoTokenizer.from_pretrained(HERE, gguf_file=f"{name}.gguf").backend_tokenizer
    tokenizer.pre_tokenizer = split  # transformers 5.23 takes GPT-2's for smollm, which keeps digits together
    expect(name, c, tokenizer)


def sentence_piece():
    name = "sentence-piece"
    trainer = trainers.BpeTrainer(vocab_size=140, show_progress=False)
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(split=True)
    trained.train_from_iterator(CORPUS, trainer)
    ranked = [token for token, _ in sorted(trained.get_vocab().items(), key=lambda item: item[1])]
    pieces = [token for token in ranked if len(token) > 1] + ["\ufeff", "\ufeffB"] + [token for token in ranked if len(token) == 1]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces, "[INST]", "[/INST]", "<sp>"]
    types = [2, 3, 3] + [6] * 256 + [1] * len(pieces) + [3, 3, 4]
    scores = [0.0] * 259 + [-float(rank) for rank in range(len(pieces))] + [0.0] * 3
    c = dict(
        vocab_size=len(tokens), hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-6, rope_theta=10000,
        rope_scaling=dict(rope_type="linear", factor=2), tie_word_embeddings=False, attention_bias=False, mlp_bias=False,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    writer = GGUFWriter(HERE / f"{name}.gguf", "llama")
    metadata(writer, c)
    writer.add_rope_scaling_type(RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(2.0)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    kinds = dict(
        token_embd="F16", output="Q8_0", attn_q=("F16", "BF16"), attn_k=("BF16", "F32"), attn_v=("F32", "F16"),
        attn_output=("Q4_0", "Q5_1"), ffn_gate=("Q4_1", "F16"), ffn_up=("Q5_0", "BF16"), ffn_down=("Q8_0", "F16"),
    )  # fmt: skip
    weights(writer, c, kinds)
    finish(writer)
    fast = AutoTokenizer.from_pretrained(HERE, gguf_file=f"{name}.gguf")
    tokenizer = fast.backend_tokenizer
    plain = [text for text in CORPUS if "<" not in text]
    before = [tokenizer.encode(text).ids for text in plain]
    # Llama 2's own tokenizer.json and llama.cpp put the space before each stretch of text; transformers 5 before the first only.
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = None
    assert before == [tokenizer.encode(text).ids for text in plain]
    merges = generate_merges({token: i for i, token in enumerate(tokens)}, dict(zip(tokens, scores)))
    assert len(merges) > 80
    expect(name, c, tokenizer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


byte_level()
sentence_piece()
