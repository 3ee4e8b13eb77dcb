"""Adapters of every method of PEFT's that Retune computes, on the models of ../models.

    python make.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes a folder per case beside this file: the adapter as PEFT saves it, and expected.safetensors
with the loss (mean over counted tokens of ../models' batch) and every gradient under the name that
the tensor has in the adapter's file, modules_to_save under the base's name; all in float32.
"""

import json
import pathlib
import shutil
import sys
import tempfile

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    get_peft_model,
)
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(MODELS))
from make_llama import batch, randomise  # noqa: E402

QVD = ["q_proj", "v_proj", "down_proj"]
CASES = {
    "dora": ("tied", LoraConfig(r=3, lora_alpha=6, use_dora=True, target_modules=QVD)),
    "dora-biased": (
        "untied",
        LoraConfig(r=2, lora_alpha=4, use_dora=True, target_modules="all-linear"),
    ),
    "patterns": (
        "tied",
        LoraConfig(
            r=4,
            lora_alpha=8,
            use_rslora=True,
            target_modules=QVD,
            rank_pattern={"down_proj": 6},
            alpha_pattern={"q_proj": 12, r"layers\.1\.self_attn\.v_proj": 5},
        ),
    ),
    "modules": (
        "untied",
        LoraConfig(
            r=2,
            lora_alpha=4,
            target_modules=["q_proj"],
            modules_to_save=["lm_head", "model.norm"],
        ),
    ),
    "embedding": (
        "tied",
        LoraConfig(r=3, lora_alpha=6, target_modules=["embed_tokens", "q_proj"]),
    ),
    "dora-embedding": (
        "tied",
        LoraConfig(r=3, lora_alpha=6, use_dora=True, target_modules=["embed_tokens", "q_proj"]),
    ),
    "ia3": ("tied", IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])),
    "ia3-biased": (
        "untied",
        IA3Config(
            target_modules=["q_proj", "o_proj", "up_proj", "down_proj"],
            feedforward_modules=["down_proj", "o_proj"],
        ),
    ),
    "prompt-tuning": ("tied", PromptTuningConfig(num_virtual_tokens=4)),
    "prefix-tuning": ("untied", PrefixTuningConfig(num_virtual_tokens=3)),
}


def file_name(parameter):
    """The name in adapter_model.safetensors of a parameter of the PEFT model."""
    if parameter.startswith("prompt_encoder"):
        return "prompt_embeddings"
    if ".modules_to_save." in parameter:
        return parameter.replace(".modules_to_save.default", "").replace("base_model.model.", "", 1)
    name = parameter.replace(".default", "")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def loss_of(peft, virtual):
    ids, counted, lengths = batch(96)
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    logits = peft(input_ids=ids, attention_mask=attention).logits[:, virtual:]
    labels = torch.where(counted, ids, -100)[:, 1:]
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100
    )


def make(name, base, config):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    model = LlamaForCausalLM.from_pretrained(
        MODELS / base, dtype=torch.float32, attn_implementation="eager"
    )
    config.task_type = "CAUSAL_LM"
    config.base_model_name_or_path = base
    peft = get_peft_model(model, config)
    trained = {k: v for k, v in peft.named_parameters() if v.requires_grad}
    generator = torch.Generator().manual_seed(3)
    for key, value in sorted(trained.items()):
        noise = torch.randn(value.shape, generator=generator) * 0.2
        kept = "magnitude" in key or "ia3" in key or "modules_to_save" in key
        value.data = (value.data * (1 + noise) if kept else noise).contiguous()
    loss = loss_of(peft, config.num_virtual_tokens if name == "prompt-tuning" else 0)
    loss.backward()
    expected = {"loss": loss.detach()[None]}
    expected |= {f"grad.{file_name(key)}": value.grad for key, value in trained.items()}
    peft.peft_config["default"].base_model_name_or_path = base
    peft.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    file = folder / "adapter_config.json"
    saved = json.loads(file.read_text())
    for key, value in saved.items():
        if isinstance(value, list):
            value.sort()
    file.write_text(json.dumps(saved, indent=2, sort_keys=True))
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def make_pissa():
    """PiSSA: `start.` what it begins as, `value.` where loss and gradients are taken, and the folder
    that PEFT converts to plain LoRA."""
    folder = HERE / "pissa"
    shutil.rmtree(folder, ignore_errors=True)
    model = LlamaForCausalLM.from_pretrained(
        MODELS / "tied", dtype=torch.float32, attn_implementation="eager"
    )
    config = LoraConfig(
        r=3, lora_alpha=6, target_modules=QVD, init_lora_weights="pissa", task_type="CAUSAL_LM"
    )
    config.base_model_name_or_path = "tied"
    peft = get_peft_model(model, config)
    trained = {k: v for k, v in peft.named_parameters() if v.requires_grad}
    expected = {f"start.{file_name(k)}": v.detach().clone() for k, v in trained.items()}
    with tempfile.TemporaryDirectory() as start:
        peft.peft_config["default"].init_lora_weights = True
        peft.save_pretrained(start)
        peft.peft_config["default"].init_lora_weights = "pissa"
        generator = torch.Generator().manual_seed(3)
        for _, value in sorted(trained.items()):
            value.data += torch.randn(value.shape, generator=generator) * 0.1
        loss = loss_of(peft, 0)
        loss.backward()
        expected["loss"] = loss.detach()[None]
        expected |= {f"grad.{file_name(k)}": v.grad for k, v in trained.items()}
        expected |= {f"value.{file_name(k)}": v.detach().clone() for k, v in trained.items()}
        peft.save_pretrained(folder, path_initial_model_for_weight_conversion=start)
    (folder / "README.md").unlink()
    file = folder / "adapter_config.json"
    saved = json.loads(file.read_text())
    saved["target_modules"].sort()
    saved["base_model_name_or_path"] = "tied"
    file.write_text(json.dumps(saved, indent=2, sort_keys=True))
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


for case, (variant, settings) in CASES.items():
    make(case, variant, settings)
make_pissa()
