"""Two-layer Llamas of several number formats and files, and what mergekit makes of them.

    python make_mergekit.py        (mergekit 0.1.5, torch 2.13, transformers 5.24)

Folders: `base` float32 in two files; `a`, near to it, float32 in one; `b`, farther away, bfloat16 in several;
`c` float16 in one; `deep` with four layers. cases/NAME.yml are the configurations, expected/NAME.safetensors
is what mergekit writes for each, told to compute in float32. masks.safetensors: which elements
mergekit's random numbers keep in all of the DARE cases, read off the same merge with `rescale: false`, whose
weights give every combination of two masks a value of its own.
"""

import copy
import glob
import pathlib
import shutil
import tempfile

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
SHAPE = dict(
    vocab_size=24,
    hidden_size=16,
    intermediate_size=20,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=32,
    tie_word_embeddings=False,
)
MODELS = {
    # layers, dtype, distance to base, shard size
    "base": (2, torch.float32, 0, "10KB"),
    "a": (2, torch.float32, 0.002, "1GB"),
    "b": (2, torch.bfloat16, 0.1, "5KB"),
    "c": (2, torch.float16, 0.1, "1GB"),
    "deep": (4, torch.bfloat16, 0.1, "1GB"),
}
FLOAT = {"dtype": "float32"}
BF16 = {"dtype": "float32", "out_dtype": "bfloat16"}


def of(model, **parameters):
    return {"model": f"../{model}", **({"parameters": parameters} if parameters else {})}


def layers(model, start, end, **parameters):
    return {**of(model, **parameters), "layer_range": [start, end]}


def delta(method, models, parameters=None, output=FLOAT):
    return dict(
        merge_method=method,
        base_model="../base",
        models=models,
        **({"parameters": parameters} if parameters else {}),
        **output,
    )


B_AND_C = [of("b", weight=0.5, density=0.6), of("c", weight=0.7, density=0.4)]
MLP_OR_ALL = [{"filter": "mlp", "value": [0.2, 0.9]}, {"value": 0.4}]
CASES = {
    "linear": dict(
        merge_method="linear",
        models=[of("base", weight=0.5), of("b", weight=0.3), of("c", weight=0.4)],
        **FLOAT,
    ),
    "linear-gradient": dict(
        merge_method="linear",
        models=[of("a", weight=[1, 0.25]), of("b", weight=MLP_OR_ALL)],
        parameters={"normalize": False},
        **BF16,
    ),
    "slerp": dict(
        merge_method="slerp",
        base_model="../base",
        models=[of("base"), of("b")],
        parameters={
            "t": [
                {"filter": "self_attn", "value": [0, 0.5, 1]},
                {"filter": "mlp", "value": [1, 0.5, 0.3]},
                {"value": 0.5},
            ]
        },
        **FLOAT,
    ),
    "slerp-parallel": dict(
        merge_method="slerp",
        base_model="../a",
        models=[of("base")],
        parameters={"t": 0.3},
        **FLOAT,
    ),
    "task-arithmetic": delta("task_arithmetic", [of("b", weight=0.5), of("c", weight=-0.3)]),
    "task-arithmetic-normalized": delta(
        "task_arithmetic",
        [of("base"), of("a", weight=0.5), of("b", weight=[0.7, 0.2])],
        {"normalize": True, "lambda": 0.6},
        BF16,
    ),
    "ties": delta("ties", B_AND_C),
    "ties-small": delta(
        "ties",
        [of("a", weight=1, density=0.3), of("b", weight=0.4, density=0.01), of("c", weight=-0.2)],
        {"normalize": False, "lambda": 1.2},
        BF16,
    ),
    "ties-rescaled": delta("ties", B_AND_C, {"rescale": True}),
    "dare-linear": delta("dare_linear", B_AND_C),
    "dare-linear-normalized": delta("dare_linear", B_AND_C, {"normalize": True, "lambda": 0.5}),
    "dare-ties": delta("dare_ties", B_AND_C, output=BF16),
    "dare-ties-plain": delta("dare_ties", B_AND_C, {"rescale": False, "normalize": True}),
    "passthrough": dict(
        merge_method="passthrough",
        slices=[
            {"sources": [layers("base", 0, 2)]},
            {
                "sources": [
                    layers("deep", 1, 4, scale=[{"filter": "o_proj", "value": [0.5, 1]}, {"value": 1}])
                ]
            },
        ],
        **FLOAT,
    ),
    "slices": dict(
        merge_method="linear",
        slices=[
            {"sources": [layers("b", 0, 1, weight=1), layers("deep", 1, 2, weight=3)]},
            {
                "sources": [layers("deep", 2, 4, weight=[1, 0.5]), layers("c", 0, 2, weight=1)],
                "parameters": {"normalize": False},
            },
        ],
        **FLOAT,
    ),
    "slices-of-base": dict(
        merge_method="task_arithmetic",
        base_model="../base",
        slices=[
            {"sources": [layers("base", 1, 2), layers("b", 1, 2, weight=0.5)]},
            {"sources": [layers("c", 0, 1, weight=0.5), layers("base", 0, 1)]},
        ],
        **FLOAT,
    ),
}


def make_models():
    for index, (name, (count, dtype, distance, shard)) in enumerate(MODELS.items()):
        shutil.rmtree(HERE / name, ignore_errors=True)
        model = LlamaForCausalLM(LlamaConfig(**SHAPE, num_hidden_layers=count))
        for place, (_, parameter) in enumerate(sorted(model.named_parameters())):
            common = torch.Generator().manual_seed(1000 + place)
            own = torch.Generator().manual_seed(100 * index + place)
            noise = torch.randn(parameter.shape, generator=own) * distance
            parameter.data = torch.randn(parameter.shape, generator=common) * 0.2 + noise
        model.to(dtype).save_pretrained(HERE / name, max_shard_size=shard)
        (HERE / name / "generation_config.json").unlink()


def merge(config):
    named = copy.deepcopy(config)
    with tempfile.TemporaryDirectory() as out:
        text = yaml.safe_dump(named).replace("../", f"{HERE}/")
        options = MergeOptions(
            copy_tokenizer=False, write_model_card=False, quiet=True, random_seed=11
        )
        run_merge(MergeConfiguration.model_validate(yaml.safe_load(text)), out, options)
        files = glob.glob(f"{out}/*.safetensors")
        assert files
        return {name: value for file in files for name, value in load_file(file).items()}


def tensors(name):
    files = sorted(HERE.glob(f"{name}/*.safetensors"))
    return {key: value.float() for file in files for key, value in load_file(file).items()}


def masks_of(config):
    """Of the merge's two models, 1 for each element that is kept."""
    plain = copy.deepcopy(config)
    plain |= {"merge_method": "dare_linear", "parameters": {"rescale": False}, "out_dtype": "float32"}
    result, base, b, c = merge(plain), tensors("base"), tensors("b"), tensors("c")
    masks = {}
    for name, value in result.items():
        got = (value - base[name]).double()
        parts = [0.5 * (b[name] - base[name]).double(), 0.7 * (c[name] - base[name]).double()]
        choices = torch.stack([parts[0] * x + parts[1] * y for x in (0, 1) for y in (0, 1)])
        off, best = (choices - got).abs().min(0)
        assert off.max() < 1e-6, (name, off.max())
        masks |= {f"0.{name}": (best // 2).byte(), f"1.{name}": (best % 2).byte()}
    return masks


def main():
    make_models()
    for folder in ("cases", "expected"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    for name, config in CASES.items():
        save_file(merge(config), HERE / "expected" / f"{name}.safetensors")
        text = yaml.safe_dump(config, sort_keys=False, default_flow_style=None)
        (HERE / "cases" / f"{name}.yml").write_text(text)
    save_file(masks_of(CASES["dare-linear"]), HERE / "masks.safetensors")


main()
