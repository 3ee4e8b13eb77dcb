"""Interventions of pyreft's own classes on the models of ../models.

    python make_reft.py        (torch 2.13, transformers 5.23, pyreft 0.1.0)

Writes reft.safetensors: a batch of its own (prompt, then answer), and per case `CASE.loss`,
`CASE.value.NAME` and `CASE.grad.NAME` of every intervention's rotate [C,r], weight [r,C] and bias
[r]. Gradients of a rotation are those of a free matrix at that point. pyreft's modules run as
hooks on the blocks, at the positions that pyreft's get_intervention_locations gives.
"""

import pathlib

import torch
from pyreft.dataset import get_intervention_locations
from pyreft.interventions import DireftIntervention, LoreftIntervention, NoreftIntervention
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
KINDS = {
    "loreft": LoreftIntervention,
    "direft": DireftIntervention,
    "noreft": NoreftIntervention,
}
# name: base, kind, layers, rank, positions, tied
CASES = {
    "loreft": ("tied", "loreft", [0, 1], 4, "f3+l2", True),
    "loreft-untied": ("untied", "loreft", [1], 3, "f1+l2", False),
    "direft": ("untied", "direft", [0], 2, "l1", True),
    "noreft": ("tied", "noreft", [0, 1], 3, "f2+l2", False),
}
generator = torch.Generator().manual_seed(11)
IDS = torch.randint(0, 96, (3, 15), generator=generator)
PROMPTS = [8, 5, 3]
LENGTHS = [15, 12, 9]


class Plain(torch.nn.Module):
    """Stands in for the orthogonal parametrisation, so that the rotation itself has a gradient."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def forward(self, x):
        return torch.matmul(x, self.weight)


def intervention(kind, rank):
    torch.manual_seed(rank)
    made = KINDS[kind](
        embed_dim=32, low_rank_dimension=rank, dtype=torch.float32, dropout=0.0, add_bias=False
    )
    if kind != "noreft":
        made.rotate_layer = Plain(made.rotate_layer.weight.detach().clone())
    for parameter in made.learned_source.parameters():
        parameter.data = torch.randn(parameter.shape) * 0.3
    return made


def tensors(kind, made):
    if kind == "noreft":
        yield "rotate", made.proj_layer.weight, True
    else:
        yield "rotate", made.rotate_layer.weight, False
    yield "weight", made.learned_source.weight, False
    yield "bias", made.learned_source.bias, False


def intervene(model, prompts, kind, layers, rank, positions, tied):
    """Hooks pyreft's interventions to the blocks of a Llama: layer, unit -> module, and the units."""
    units = ["all"] if tied else ["first", "last"]
    made = {}
    locations = [
        get_intervention_locations(
            last_position=prompt,
            positions=positions,
            pad_mode="last",
            num_interventions=len(units),
            share_weights=tied,
        )
        for prompt in prompts
    ]

    def hook(layer):
        def edit(_module, _inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            for index, unit in enumerate(units):
                for row, places in enumerate(locations):
                    # A place at the prompt's end is padding.
                    at = [place for place in places[index] if place < prompts[row]]
                    mask = torch.zeros(hidden.shape[1], 1)
                    mask[at] = 1
                    edited = made[layer, unit](hidden[row]) * mask + hidden[row] * (1 - mask)
                    hidden = torch.cat([hidden[:row], edited[None], hidden[row + 1 :]])
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return edit

    for layer in layers:
        for unit in units:
            made[layer, unit] = intervention(kind, rank)
        model.model.layers[layer].register_forward_hook(hook(layer))
    return made, units


def named(kind, made, units):
    """Name in Retune's file, value and gradient of every tensor of the interventions."""
    for (layer, unit), module in made.items():
        for part, parameter, transposed in tensors(kind, module):
            turn = (lambda x: x.T) if transposed else (lambda x: x)
            name = f"layers.{layer}.{units.index(unit)}.{part}"
            yield name, turn(parameter.detach()), turn(parameter.grad)


def make(name, base, kind, layers, rank, positions, tied):
    model = LlamaForCausalLM.from_pretrained(
        HERE.parent / "models" / base, dtype=torch.float32, attn_implementation="eager"
    )
    model.requires_grad_(False)
    made, units = intervene(model, PROMPTS, kind, layers, rank, positions, tied)
    attention = (torch.arange(IDS.shape[1]) < torch.tensor(LENGTHS)[:, None]).long()
    logits = model(input_ids=IDS, attention_mask=attention).logits
    places = torch.arange(IDS.shape[1])
    counted = (places >= torch.tensor(PROMPTS)[:, None]) & attention.bool()
    labels = torch.where(counted, IDS, -100)[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100
    )
    loss.backward()
    result = {f"{name}.loss": loss.detach()[None]}
    for tensor, value, gradient in named(kind, made, units):
        result[f"{name}.value.{tensor}"] = value
        result[f"{name}.grad.{tensor}"] = gradient
    return result


if __name__ == "__main__":
    goldens = {"ids": IDS, "prompts": torch.tensor(PROMPTS), "lengths": torch.tensor(LENGTHS)}
    for case, arguments in CASES.items():
        goldens |= make(case, *arguments)
    save_file({k: v.contiguous() for k, v in goldens.items()}, HERE / "reft.safetensors")
