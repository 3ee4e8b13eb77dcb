"""Two-layer Llama models, and what PyTorch, transformers and PEFT make of them.

    python make_llama.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes a folder per variant beside this file: the model as transformers saves it, a LoRA adapter as
PEFT saves it, and expected.safetensors with one batch (ids, counted), the logits, the losses (mean
over counted tokens) and every gradient, all in float32. rope.json holds inverse frequencies.
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
BASE = dict(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
)
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
VARIANTS = {
    # tied embeddings, grouped queries, llama3 rotary scaling, one float32 file
    "tied": (
        dict(BASE, tie_word_embeddings=True, rope_parameters=LLAMA3),
        dict(r=4, lora_alpha=8, target_modules="all-linear"),
        dict(dtype=torch.float32),
    ),
    # untied, biases, a head size of its own, bfloat16 in several files, rsLoRA on some modules
    "untied": (
        dict(BASE, head_dim=12, attention_bias=True, mlp_bias=True, tie_word_embeddings=False),
        dict(r=3, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "down_proj", "lm_head"]),
        dict(dtype=torch.bfloat16, max_shard_size="20KB"),
    ),
}


def randomise(module, seed, scale):
    """Values of a size at which no gradient vanishes; norms and biases too."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(module.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator) * scale
        parameter.data = (1 + noise if "norm" in name else noise).to(parameter.dtype)


def batch(vocab):
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(0, vocab, (3, 17), generator=generator)
    lengths = torch.tensor([17, 11, 6])
    counted = torch.rand(3, 17, generator=generator) < 0.6
    counted &= torch.arange(17) < lengths[:, None]
    counted[:, 0] = False
    return ids, counted, lengths


def loss_of(model, ids, counted, lengths):
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    logits = model(input_ids=ids, attention_mask=attention).logits
    labels = torch.where(counted, ids, -100)[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100
    )
    return logits, loss


def greedy_of(model, prompt, new_tokens):
    """What transformers' generate(do_sample=False) appends, whatever ends a text."""
    model.config.eos_token_id = None
    model.generation_config.eos_token_id = None
    generated = model.generate(input_ids=prompt, do_sample=False, max_new_tokens=new_tokens)
    return generated[0, prompt.shape[1] :].float()


def make(name, config, lora, saving, classes=(LlamaConfig, LlamaForCausalLM), new_tokens=8):
    Config, Model = classes
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    model = Model(Config(**config, attn_implementation="eager"))
    randomise(model, 1, 0.15)
    model.to(saving["dtype"]).save_pretrained(
        folder, **{k: v for k, v in saving.items() if k != "dtype"}
    )
    model = Model.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids, counted, lengths = batch(config["vocab_size"])
    logits, loss = loss_of(model, ids, counted, lengths)
    loss.backward()
    expected = {
        "ids": ids,
        "counted": counted.long(),
        "lengths": lengths,
        "logits": logits.detach(),
        "loss": loss.detach()[None],
    }
    prompt = ids[:1, :7]
    generated = {"prompt": prompt[0].float(), "base": greedy_of(model, prompt, new_tokens)}
    if new_tokens > 8:
        generated["base.one"] = greedy_of(model, prompt[:, :1], new_tokens)
    expected |= {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    model.zero_grad()
    peft = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
    randomise(
        torch.nn.ParameterDict(
            {k.replace(".", "|"): v for k, v in peft.named_parameters() if "lora_" in k}
        ),
        2,
        0.2,
    )
    for parameter_name, parameter in peft.named_parameters():
        if "lora_" in parameter_name:
            parameter.requires_grad_(True)
    logits, loss = loss_of(peft, ids, counted, lengths)
    loss.backward()
    expected |= {"lora_logits": logits.detach(), "lora_loss": loss.detach()[None]}
    expected |= {
        f"lora_grad.{key.replace('.default', '')}": value.grad
        for key, value in peft.named_parameters()
        if value.grad is not None
    }
    generated["lora"] = greedy_of(peft, prompt, new_tokens)
    save_file(generated, folder / "generated.safetensors")
    peft.peft_config["default"].base_model_name_or_path = name
    peft.save_pretrained(folder / "adapter", save_embedding_layers=False)
    (folder / "adapter" / "README.md").unlink()
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def rope_goldens():
    kinds = {
        "default": {},
        "linear": {"factor": 4.0},
        "dynamic": {"factor": 4.0},
        "llama3": {**LLAMA3, "rope_theta": 10000.0},
        "yarn": {"factor": 4.0, "original_max_position_embeddings": 512},
        "yarn-untruncated": {
            "factor": 8.0,
            "original_max_position_embeddings": 256,
            "truncate": False,
            "mscale": 1.0,
            "mscale_all_dim": 0.8,
            "beta_fast": 24,
        },
    }
    goldens = []
    for kind, extra in kinds.items():
        rope = {"rope_theta": 10000.0, **extra, "rope_type": kind.split("-")[0]}
        config = LlamaConfig(
            hidden_size=64,
            num_attention_heads=2,
            max_position_embeddings=2048,
            rope_parameters=dict(rope),
        )
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=8,
                hidden_size=64,
                intermediate_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=2048,
                rope_parameters=dict(rope),
            )
        )
        rotary = model.model.rotary_emb
        goldens.append(
            {
                "name": kind,
                "config": json.loads(config.to_json_string()),
                "frequencies": rotary.inv_freq.tolist(),
                "attentionFactor": float(rotary.attention_scaling),
            }
        )
    (HERE / "rope.json").write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    for variant, arguments in VARIANTS.items():
        make(variant, *arguments)
    rope_goldens()
