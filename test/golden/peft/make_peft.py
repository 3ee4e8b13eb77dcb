"""Adapters as PEFT saves them that are not plain LoRA, and some that are in an unusual way.

    python make_peft.py        (torch 2.13, transformers 5.23, peft 0.21)

One folder per case, with adapter_config.json and adapter_model.safetensors.
"""

import json
import pathlib
import shutil

import torch
from peft import IA3Config, LoraConfig, PromptTuningConfig, TaskType, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
SMALL = dict(vocab_size=16, num_hidden_layers=1, num_attention_heads=2)
LLAMA = LlamaConfig(
    hidden_size=8, intermediate_size=8, num_key_value_heads=2, attention_bias=True, **SMALL
)
GPT2 = GPT2Config(vocab_size=16, n_embd=8, n_layer=1, n_head=2, n_positions=16)
Q = dict(task_type=TaskType.CAUSAL_LM, r=2, target_modules=["q_proj"])
CASES = {
    "dora": LoraConfig(use_dora=True, **Q),
    "bias": LoraConfig(bias="lora_only", **Q),
    "lora-bias": LoraConfig(lora_bias=True, **Q),
    "modules-to-save": LoraConfig(modules_to_save=["lm_head"], **Q),
    "embedding": LoraConfig(**{**Q, "target_modules": ["embed_tokens"]}),
    "tokens": LoraConfig(trainable_token_indices=[3], **Q),
    "alora": LoraConfig(alora_invocation_tokens=[1, 2], **Q),
    "pissa": LoraConfig(init_lora_weights="pissa", **Q),
    "target-parameters": LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=2,
        target_modules=[],
        target_parameters=["q_proj.weight"],
    ),
    "ia3": IA3Config(task_type=TaskType.CAUSAL_LM),
    "prompt-tuning": PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=2),
    "conv1d": LoraConfig(**{**Q, "target_modules": ["c_attn"], "fan_in_fan_out": True}),
    # Plain LoRA, saved in other ways.
    "named": LoraConfig(**Q),
    "regex": LoraConfig(**{**Q, "target_modules": r".*\.(q|o)_proj"}),
    "head-copy": LoraConfig(**{**Q, "target_modules": ["q_proj", "lm_head"]}),
}


for name, config in CASES.items():
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    base = GPT2LMHeadModel(GPT2) if name == "conv1d" else LlamaForCausalLM(LLAMA)
    config.base_model_name_or_path = "tiny"
    adapter = "support" if name == "named" else "default"
    peft = get_peft_model(base, config, adapter_name=adapter)
    peft.peft_config[adapter].base_model_name_or_path = "tiny"
    peft.save_pretrained(folder)
    for card in folder.rglob("README.md"):
        card.unlink()
    for file in folder.rglob("adapter_config.json"):
        saved = json.loads(file.read_text())
        if isinstance(saved.get("target_modules"), list):
            saved["target_modules"].sort()
        file.write_text(json.dumps(saved, indent=2, sort_keys=True))
