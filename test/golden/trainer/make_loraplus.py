"""LoRA+ as PEFT's create_loraplus_optimizer computes it, on the tied model of ../models.

    python make_loraplus.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes loraplus.safetensors: per case the settings (`CASE.settings`: learning rate, ratio, weight
decay), and of every trained tensor, named as in PEFT's files or the base's: `CASE.rate.NAME` its
group's learning rate, `CASE.start.NAME`, and `CASE.after.NAME` after STEPS steps of torch's AdamW on
../models' batch. float32.
"""

import pathlib
import sys

import torch
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(MODELS))
from make_llama import batch, loss_of  # noqa: E402

STEPS = 5
QVD = ["q_proj", "v_proj", "down_proj"]
# name: adapter, learning rate, ratio, weight decay
CASES = {
    "lora": (LoraConfig(r=2, lora_alpha=4, target_modules=QVD), 2e-3, 8.0, 0.1),
    # Tensors of one axis go with B. PEFT would decay DoRA's magnitudes, which Retune never does.
    "dora": (
        LoraConfig(
            r=2, lora_alpha=4, use_dora=True, target_modules=["q_proj"], modules_to_save=["model.norm"]
        ),
        1e-3,
        4.0,
        0.0,
    ),
}


def file_name(parameter):
    if ".modules_to_save." in parameter:
        return parameter.replace(".modules_to_save.default", "").replace("base_model.model.", "", 1)
    name = parameter.replace(".default", "")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def make(case, config, rate, ratio, decay):
    torch.manual_seed(0)
    model = LlamaForCausalLM.from_pretrained(
        MODELS / "tied", dtype=torch.float32, attn_implementation="eager"
    )
    config.task_type = "CAUSAL_LM"
    peft = get_peft_model(model, config)
    trained = {k: v for k, v in peft.named_parameters() if v.requires_grad}
    generator = torch.Generator().manual_seed(3)
    for key, value in sorted(trained.items()):
        noise = torch.randn(value.shape, generator=generator) * 0.2
        kept = "magnitude" in key or "modules_to_save" in key
        value.data = (value.data * (1 + noise) if kept else noise).contiguous()
    optimizer = create_loraplus_optimizer(
        peft,
        torch.optim.AdamW,
        lr=rate,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=decay,
        eps=1e-8,
        betas=(0.9, 0.999),
    )
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    result = {"settings": torch.tensor([rate, ratio, decay])}
    for key, value in trained.items():
        result[f"rate.{file_name(key)}"] = torch.tensor([rates[id(value)]])
        result[f"start.{file_name(key)}"] = value.detach().clone()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_of(peft, *batch(96))[1].backward()
        optimizer.step()
    for key, value in trained.items():
        result[f"after.{file_name(key)}"] = value.detach().clone()
    return {f"{case}.{key}": value for key, value in result.items()}


goldens = {}
for name, settings in CASES.items():
    goldens |= make(name, *settings)
save_file({k: v.contiguous() for k, v in goldens.items()}, HERE / "loraplus.safetensors")
