"""Small bases, LoRA adapters as PEFT saves them, and what PEFT's merge_and_unload makes of them.

    python make_merge.py        (torch 2.13, transformers 5.23, peft 0.21)

One folder per base. `sharded`: float32 in two files, untied; `half`: float16; `tied`: bfloat16, the
head shares the embedding. Each adapter has its merged tensors in <adapter>.safetensors (`both` is
two adapters, one after the other). An adapter of a tied head is merged as PEFT's warning says: into
a model whose head was cloned first.
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
SHAPE = dict(
    vocab_size=32,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=32,
)
PLAIN = dict(r=4, lora_alpha=8, target_modules="all-linear")
PATTERNS = dict(
    r=3,
    lora_alpha=6,
    use_rslora=True,
    target_modules=["q_proj", "v_proj", "down_proj", "lm_head"],
    rank_pattern={"down_proj": 5, r"layers\.1\..*q_proj": 2},
    alpha_pattern={"model.layers.0.self_attn.q_proj": 11, "down_proj|v_proj": 4},
)
HEAD = dict(r=2, lora_alpha=3, target_modules=["lm_head", "o_proj"])
BASES = {
    "sharded": (torch.float32, False, "12KB", {"plain": PLAIN, "patterns": PATTERNS}),
    "half": (torch.float16, False, "1GB", {"plain": PLAIN}),
    "tied": (torch.bfloat16, True, "1GB", {"head": HEAD}),
}


def randomise(named, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in sorted(named):
        noise = torch.randn(parameter.shape, generator=generator) * scale
        parameter.data = noise.to(parameter.dtype)


def load(folder, dtype):
    model = LlamaForCausalLM.from_pretrained(folder, dtype=dtype)
    if model.config.tie_word_embeddings:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    return model


def merged(folder, dtype, adapters):
    model = load(folder, dtype)
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, folder / adapter).merge_and_unload()
    return {key: value.contiguous() for key, value in model.state_dict().items()}


def make(name, dtype, tied, shard_size, adapters):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=tied))
    randomise(model.named_parameters(), 1, 0.3)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    for seed, (adapter, arguments) in enumerate(adapters.items()):
        model = load(folder, torch.float32)
        peft = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **arguments))
        peft.peft_config["default"].base_model_name_or_path = name
        randomise([p for p in peft.named_parameters() if "lora_" in p[0]], 2 + seed, 0.2)
        peft.save_pretrained(folder / adapter)
        (folder / adapter / "README.md").unlink()
        sort_targets(folder / adapter / "adapter_config.json")
    sets = {adapter: [adapter] for adapter in adapters} | (
        {"both": list(adapters)} if len(adapters) > 1 else {}
    )
    for case, names in sets.items():
        save_file(merged(folder, dtype, names), folder / f"{case}.safetensors")


def sort_targets(file):
    """PEFT writes a set, in another order at each run."""
    config = json.loads(file.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    file.write_text(json.dumps(config, indent=2, sort_keys=True))


for base, arguments in BASES.items():
    make(base, *arguments)
