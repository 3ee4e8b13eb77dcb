"""Writes optimizer.json: torch.optim.AdamW step by step, clip_grad_norm_, and transformers' schedules.

    python make_optimizer.py        (torch 2.13, transformers 5.23)
"""

import json
import math
from pathlib import Path

import torch
from transformers import get_scheduler

STEPS = 24
MAX_GRAD_NORM = 1.0
SETTINGS = {"learningRate": 0.03, "betas": [0.9, 0.95], "epsilon": 1e-8, "weightDecay": 0.1}


def adamw():
    """A decayed matrix [3, 4] and a bias [4] that is not, under gradients of changing size."""
    generator = torch.Generator().manual_seed(7)
    matrix = torch.nn.Parameter(torch.randn(3, 4, generator=generator))
    bias = torch.nn.Parameter(torch.randn(4, generator=generator))
    initial = torch.cat([matrix.detach().flatten(), bias.detach()]).tolist()
    optimizer = torch.optim.AdamW(
        [{"params": [matrix]}, {"params": [bias], "weight_decay": 0.0}],
        lr=SETTINGS["learningRate"],
        betas=tuple(SETTINGS["betas"]),
        eps=SETTINGS["epsilon"],
        weight_decay=SETTINGS["weightDecay"],
    )
    steps = []
    for step in range(STEPS):
        gradient = torch.randn(16, generator=generator) * 10 ** (step % 4 - 2)
        matrix.grad = gradient[:12].view(3, 4).clone()
        bias.grad = gradient[12:].clone()
        norm = torch.nn.utils.clip_grad_norm_([matrix, bias], MAX_GRAD_NORM)
        optimizer.step()
        steps.append(
            {
                "gradient": gradient.tolist(),
                "norm": norm.item(),
                "parameters": torch.cat([matrix.detach().flatten(), bias.detach()]).tolist(),
            }
        )
    return {"settings": SETTINGS, "maxGradNorm": MAX_GRAD_NORM, "initial": initial, "steps": steps}


def schedule(name, warmup, total):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    kind = "constant_with_warmup" if name == "constant" else name
    scheduler = get_scheduler(kind, optimizer, num_warmup_steps=math.ceil(warmup), num_training_steps=total)
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"type": name, "warmupSteps": warmup, "totalSteps": total, "rates": rates}


schedules = [
    schedule(name, warmup, total)
    for name in ("linear", "cosine", "constant")
    for warmup, total in ((0, 10), (3, 17), (10, 10))
]
golden = {"adamw": adamw(), "schedules": schedules}
Path(__file__).with_name("optimizer.json").write_text(json.dumps(golden, indent=1) + "\n")
