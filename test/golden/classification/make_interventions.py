"""Classification heads on Llamas that pyreft's own interventions edit.

    python make_interventions.py        (torch 2.13, transformers 5.23, peft 0.21, pyreft 0.1.0)

Writes a file per case beside this one, as make.py does, with the values of the interventions too. A
row's whole text is its prompt. (pyreft's ReftClassificationDataset leaves its last token out, which
is an encoder's end mark.)
"""

import sys

import torch
from make import HERE, LABELS, load, outputs
from safetensors.torch import save_file

sys.path.insert(0, str(HERE.parent / "adapters"))
from make_reft import intervene, named  # noqa: E402

# name: model, problem, pooling, then kind, layers, rank, positions, tied
CASES = {
    "loreft": ("tied", "single_label_classification", "last", "loreft", [0, 1], 4, "f3+l2", True),
    "direft": ("untied", "single_label_classification", "mean", "direft", [0], 2, "l1", True),
    "noreft": ("untied", "multi_label_classification", "last", "noreft", [0, 1], 3, "f2+l2", False),
}


def make(name, base, problem, pooling, kind, *rest):
    model, _, ids, lengths = load(base, problem)
    model.requires_grad_(False)
    model.score.requires_grad_(True)
    made, units = intervene(model, lengths.tolist(), kind, *rest)
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    loss, logits = outputs(model, pooling, ids, attention, problem)
    loss.backward()
    score = model.score.weight
    expected = {
        "loss": loss.detach()[None],
        "logits": logits.detach(),
        "score.weight": score.detach(),
        "grad.score.weight": score.grad,
    }
    for tensor, value, gradient in named(kind, made, units):
        expected[f"value.{tensor}"] = value
        expected[f"grad.{tensor}"] = gradient
    save_file({k: v.contiguous() for k, v in expected.items()}, HERE / f"{name}.safetensors")


for case, settings in CASES.items():
    make(case, *settings)
