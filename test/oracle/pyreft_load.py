"""Called by pyreft-load.ts: loads DIR/<name> in pyreft and compares it with DIR/<name>.safetensors.

    python pyreft_load.py DIR NAME...
"""

import logging
import pathlib
import sys

logging.disable(logging.WARNING)

import pyreft
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

WIDTH = 16
CONFIG = LlamaConfig(
    vocab_size=16,
    hidden_size=WIDTH,
    intermediate_size=WIDTH,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
)


def same(found, expected, what):
    assert found.dtype == expected.dtype, f"{what}: {found.dtype}"
    assert torch.equal(found, expected), f"{what}: off by {(found - expected).abs().max()}"


directory, *names = sys.argv[1:]
for name in names:
    folder = pathlib.Path(directory) / name
    expected = load_file(f"{folder}.safetensors")
    head = expected.get("score.weight")
    if head is None:
        model = pyreft.ReftModel.load(str(folder), LlamaForCausalLM(CONFIG))
    else:
        CONFIG.num_labels = len(head)
        base = LlamaForSequenceClassification(CONFIG)
        model = pyreft.ReftModel.load(str(folder), base, include_model=True)
        same(model.model.score.weight.detach(), head, f"{name} head")
    order = [int(key.split("#")[1]) for key in model.sorted_keys]
    assert order == sorted(order), f"{name}: first positions come after last ones"
    for key, made in model.interventions.items():
        layer, index = key.split("_")[1], key.split("#")[1]
        wanted = {part: expected[f"{layer}.{index}.{part}"] for part in ["rotate", "weight", "bias"]}
        file = torch.load(folder / f"intkey_{key}.bin", weights_only=True)
        source = "" if "rotate_layer" in file else "learned_source."
        same(file[f"{source}weight"], wanted["weight"], f"{name} {key} weight in the file")
        same(file[f"{source}bias"], wanted["bias"], f"{name} {key} bias in the file")
        same(made.rotate_layer.weight, wanted["rotate"], f"{name} {key} R")
        same(made.learned_source.weight, wanted["weight"].bfloat16(), f"{name} {key} W")
        same(made.learned_source.bias, wanted["bias"].bfloat16(), f"{name} {key} b")
    # One step of training must leave DiReFT's R orthonormal. (LoReFT's does not stay so after any
    # load of pyreft's, which replaces r columns of an orthogonal matrix and keeps the others.)
    for key, made in model.interventions.items():
        if not isinstance(made, pyreft.DireftIntervention):
            continue
        made.float()
        optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
        made(torch.randn(3, WIDTH)).square().sum().backward()
        before = made.rotate_layer.weight.clone()
        optimizer.step()
        after = made.rotate_layer.weight
        assert not torch.allclose(before, after), f"{name} {key}: R is not trained"
        product = after.T @ after
        assert torch.allclose(product, torch.eye(len(product)), atol=1e-5), f"{name} {key}"
    print(f"{name}: {len(model.interventions)} interventions, bit for bit")
