"""Folders as pyreft saves them, on a random Llama of two layers, and pickles that must be refused.

    python make.py        (torch 2.13, pyreft 0.1.0, pyvene 0.1.8, transformers 4.45.1)

- loreft/: untied, two interventions per layer; the first as new, in bfloat16
- direft/, noreft/: moved from where they began, as training would
- linked/: intervention_link_key, one set of weights for two layers
- string/: the layer named by a module path
- dotted/, repr/: loreft/ under the file names of earlier versions
- expected.json: what each intervention makes of `hidden` in float32, and R as PyTorch computes it
- positions.json: get_intervention_locations for short and long prompts, its padding (-1) taken out
- pickles/: torch.save of single cases; evil.bin would create the file PWNED in the working folder
"""

import json
import os
import pathlib
import shutil

import pyreft
import pyvene
import torch
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
WIDTH, RANK = 8, 2
torch.manual_seed(0)


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=16,
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
        )
    )


def intervention(kind, **more):
    made = kind(embed_dim=WIDTH, low_rank_dimension=RANK, **more)
    if "dtype" in more:  # as trained: nothing is where it began
        with torch.no_grad():
            for parameter in made.parameters():
                trained = parameter + 0.3 * torch.randn_like(parameter)
                if parameter.shape == (WIDTH, RANK):  # its diagonal is a sign that PyTorch never trains
                    trained.diagonal().copy_(parameter.diagonal())
                parameter.copy_(trained)
    return made


def at(layer, made, component="block_output", **more):
    return dict(layer=layer, component=component, low_rank_dimension=RANK, intervention=made, **more)


LOREFT, F32 = pyreft.LoreftIntervention, dict(dtype=torch.float32)
first = intervention(pyreft.DireftIntervention, **F32)
CASES = {
    "loreft": [
        at(0, intervention(LOREFT)),
        at(1, intervention(LOREFT, **F32)),
        at(0, intervention(LOREFT, **F32)),
        at(1, intervention(LOREFT, **F32)),
    ],
    "direft": [at(1, first)],
    "noreft": [
        at(1, intervention(pyreft.NoreftIntervention, add_bias=True, **F32)),
        at(0, intervention(pyreft.NoreftIntervention, add_bias=False, **F32)),
    ],
    "linked": [
        at(0, intervention(LOREFT, **F32), intervention_link_key=0),
        at(1, intervention(LOREFT, **F32), intervention_link_key=0),
    ],
    "string": [at(0, intervention(LOREFT, **F32), component="model.layers[1].output")],
    "unknown": [at(0, intervention(pyreft.LobireftIntervention))],
}
hidden = torch.randn(3, WIDTH)
expected = {"hidden": hidden.flatten().tolist()}
for name, representations in CASES.items():
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = pyreft.get_reft_model(llama(), pyreft.ReftConfig(representations=representations))
    if name != "unknown":
        expected[name] = []
        for key, made in model.interventions.items():
            rotate = made.rotate_layer.weight if hasattr(made, "rotate_layer") else made.proj_layer.weight.T
            dtype = made.learned_source.weight.dtype
            output = made.float()(hidden)
            made.learned_source.to(dtype)
            expected[name].append(
                {"key": key, "rotate": rotate.flatten().tolist(), "output": output.flatten().tolist()}
            )
    model.save(str(folder))
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")

OLDER = {
    "dotted": lambda key: key.replace("layer_", "layer.").replace("_comp_", ".comp.")
    .replace("_unit_", ".unit.").replace("_nunit_", ".nunit."),
    "repr": lambda key: OLDER["dotted"](key).replace(".comp.", ".repr."),
}
for name, rename in OLDER.items():
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = json.loads((HERE / "loreft/config.json").read_text())
    config["sorted_keys"] = [rename(key) for key in config["sorted_keys"]]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for file in (HERE / "loreft").glob("intkey_*.bin"):
        shutil.copy(file, folder / f"intkey_{rename(file.stem[7:])}.bin")

positions = []
for text in ["f1", "l1", "f7", "l7", "f1+l1", "f2+l2", "f7+l7", "f1+l3", "f3+l1"]:
    for length in [1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 40]:
        asked = dict(last_position=length, positions=text, num_interventions=2)
        split = pyreft.dataset.get_intervention_locations(**asked)
        both = pyreft.dataset.get_intervention_locations(**asked, share_weights=True)[0]
        first, last = [[at for at in side if at >= 0] for side in split]
        if "+" not in text or length == 1:  # one list for both interventions
            first, last = (first, []) if "f" in text else ([], first)
        assert first + last == [at for at in both if at >= 0]
        positions.append({"positions": text, "length": length, "first": first, "last": last})
(HERE / "positions.json").write_text(
    "[\n" + ",\n".join(json.dumps(each) for each in positions) + "\n]\n"
)

pickles = HERE / "pickles"
shutil.rmtree(pickles, ignore_errors=True)
pickles.mkdir()
grid = torch.arange(6, dtype=torch.float32).reshape(2, 3)
torch.save(
    {
        "plain": grid,
        "transposed": grid.T,
        "column": grid[:, 1],
        "half": grid.half() / 3,
        "bfloat16": grid.bfloat16() / 3,
        "double": grid.double() / 3,
        "whole": torch.tensor(4096),
        "int": grid.int(),
        "parameter": torch.nn.Parameter(grid * 2),
        "empty": torch.empty(0, 3),
    },
    pickles / "kinds.bin",
)
torch.save(torch.nn.Linear(2, 1).state_dict(), pickles / "module.bin")
torch.save({"a": grid}, pickles / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save({"a": grid.expand(4, 2, 3)}, pickles / "expanded.bin")
torch.save({"a": {"b": grid}}, pickles / "nested.bin")
torch.save([grid], pickles / "list.bin")
torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, pickles / "complex.bin")


class Evil:
    def __reduce__(self):
        return os.system, ("touch PWNED",)


torch.save({"a": grid, "b": Evil()}, pickles / "evil.bin")
torch.save({"a": grid, "b": Evil()}, pickles / "evil-protocol-4.bin", pickle_protocol=4)
