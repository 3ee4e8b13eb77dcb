"""Two-layer Llamas of several number formats and files, and what mergekit makes of them.

    python make_mergekit.py        (mergekit 0.1.5, torch 2.13, transformers 5.24)

Folders: `words` and `speech` have tokenizers that share some tokens under other ids; `tied` has no head. Of the others: `base` float32 in two files; `a`, near to it, float32 in one; `b`, farther away, bfloat16 in several;
`c` float16 in one; `deep` with four layers. cases/NAME.yml are the configurations, expected/NAME.safetensors
is what mergekit writes for each, told to compute in float32. masks.safetensors: which elements
mergekit's random numbers keep in all of the DARE cases, read off the same merge with `rescale: false`, whose
weights give every combination of two masks a value of its own; masks-della.safetensors the same of DELLA, and
chances.safetensors the probabilities that it gives to `b` with density 0.6 and epsilon 0.15.
TEXTS are configurations as people write them: YAML's own ways to say a thing.
"""

import copy
import glob
import json
import pathlib
import shutil
import tempfile

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge
from mergekit.sparsify import della_magprune
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
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
    "tied": (2, torch.float32, 0.1, "1GB"),
    "words": (1, torch.float32, 0.1, "1GB"),
    "speech": (1, torch.float32, 0.1, "1GB"),
}
# Embeddings have more rows than there are tokens, as is common.
TOKENS = {
    "words": ["<unk>", "<s>", "the", "river", "runs", "to", "sea", "a", "mill", "old"],
    "speech": ["<unk>", "the", "<s>", "sea", "talks", "to", "a", "river", "<end>", "<more>"],
}
ADDED = {"words": ["<s>"], "speech": ["<s>", "<end>", "<more>"]}
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
    "model-stock": delta("model_stock", [of("b"), of("base"), of("c")], {"density": 0.3}),
    "model-stock-filters": delta("model_stock", [of("a"), of("b"), of("c")], {"filter_wise": True}),
    "nuslerp": dict(
        merge_method="nuslerp", models=[of("b", weight=0.3), of("c", weight=[0.5, 1])], **FLOAT
    ),
    "nuslerp-base": delta(
        "nuslerp",
        [of("b", weight=0.3), of("c", weight=0.5)],
        {"nuslerp_flatten": False},
    ),
    "nuslerp-columns": delta(
        "nuslerp",
        [of("b", weight=1), of("c", weight=-1)],
        {"nuslerp_flatten": False, "nuslerp_row_wise": True},
        BF16,
    ),
    "multislerp": dict(
        merge_method="multislerp",
        models=[of("a", weight=0.3), of("b", weight=0.5), of("c", weight=0.4)],
        **FLOAT,
    ),
    "multislerp-base": delta(
        "multislerp",
        [of("b", weight=0.6), of("c", weight=0.7), of("a", weight=0.1)],
        {"normalize_weights": [True, False]},
    ),
    "karcher": dict(merge_method="karcher", models=[of("a"), of("b"), of("c")], **FLOAT),
    "karcher-base": delta("karcher", [of("b"), of("c")], {"max_iter": 2, "tol": 1e-9}, BF16),
    "sce": delta("sce", [of("a"), of("b"), of("c")]),
    "sce-selected": delta("sce", [of("a"), of("b"), of("c")], {"select_topk": [0.4, 0.05]}),
    "breadcrumbs": delta(
        "breadcrumbs",
        [of("b", weight=0.5, density=0.6, gamma=0.05), of("c", weight=0.7, density=0.97)],
        {"gamma": 0.1, "rescale": True},
    ),
    "breadcrumbs-ties": delta(
        "breadcrumbs_ties",
        [of("b", weight=0.5, density=0.6), of("c", weight=0.7, density=0.2), of("a", weight=1)],
        {"gamma": 0.03, "normalize": True},
        BF16,
    ),
    "nearswap": delta("nearswap", [of("b")], {"t": [0.01, 0.2]}),
    "arcee-fusion": delta("arcee_fusion", [of("b")]),
    # What lies outside of what a number means, and is computed all the same.
    "slerp-beyond": dict(
        merge_method="slerp",
        base_model="../base",
        models=[of("b")],
        parameters={"t": [{"filter": "self_attn", "value": 1.5}, {"value": -0.25}]},
        **FLOAT,
    ),
    "slerp-parallel-beyond": dict(
        merge_method="slerp", base_model="../a", models=[of("base")], parameters={"t": 3}, **FLOAT
    ),
    "ties-beyond": delta(
        "ties",
        [of("b", weight=0.5, density=1.5), of("c", weight=0.7, density=[-0.5, 0.4])],
        {"rescale": True},
    ),
    "breadcrumbs-beyond": delta(
        "breadcrumbs",
        [of("b", weight=0.5, density=0.6, gamma=1.2), of("c", weight=0.7, density=0.5, gamma=-0.1)],
        {"rescale": True},
    ),
    "breadcrumbs-nothing": delta(
        "breadcrumbs_ties",
        [of("b", weight=0.5, density=0.2, gamma=-0.3), of("c", weight=0.7, density=[-0.2, 2])],
    ),
    "della": delta("della", B_AND_C),
    "della-linear": delta("della_linear", B_AND_C, {"lambda": 0.5}),
    # One layer: its gradient ends.
    "gradient-of-one-layer": dict(
        merge_method="slerp",
        base_model="../base",
        slices=[
            {"sources": [layers("base", 0, 1), layers("b", 0, 1)]},
            {"sources": [layers("base", 1, 2), layers("b", 1, 2)]},
            {"sources": [layers("base", 0, 2), layers("b", 0, 2)]},
        ],
        parameters={"t": [0.25, 0.75]},
        **FLOAT,
    ),
    "dropped": delta(
        "ties",
        [of("b", weight=[0, 0.5], density=[0.5, 0]), of("c", weight=[0, 0.3], density=0.5)],
    ),
    "cancelled": delta(
        "task_arithmetic", [of("b", weight=0.5), of("c", weight=-0.5)], {"normalize": True}
    ),
    "linear-with-base": dict(
        merge_method="linear",
        base_model="../base",
        models=[of("b"), of("c", weight=0.5)],
        parameters={"weight": 0.25},
        **FLOAT,
    ),
    "linear-rearranged": dict(
        merge_method="linear",
        slices=[
            {"sources": [layers("deep", 0, 2, weight=1)]},
            {"sources": [layers("deep", 1, 4, weight=1)]},
        ],
        **FLOAT,
    ),
    "tied-and-not": dict(
        merge_method="linear",
        base_model="../tied",
        models=[of("tied", weight=0.5), of("b", weight=0.3)],
        **FLOAT,
    ),
    "vocabulary-of-base": dict(
        merge_method="linear",
        base_model="../words",
        tokenizer_source="base",
        models=[of("speech", weight=0.3), of("words", weight=0.5)],
        **FLOAT,
    ),
    "vocabulary-of-other": dict(
        merge_method="task_arithmetic",
        base_model="../words",
        models=[of("speech", weight=0.3)],
        tokenizer={
            "source": "../speech",
            "pad_to_multiple_of": 8,
            "tokens": {
                "<end>": {"source": {"kind": "model_token", "model": "../words", "token": "old"}},
                "talks": {"source": {"kind": "zero"}},
                "<s>": {"source": "../speech", "force": True},
                "<new>": {"source": {"kind": "model_token", "model": "../speech", "token_id": 4}},
            },
        },
        **FLOAT,
    ),
}

MERGED = """
base_model: ../base
dtype: float32
models:
  - model: ../b
    parameters: &b {weight: "0.5", density: 0.6}
  - model: {model: {path: ../c}}
    name: other
    parameters: {<<: *b, density: 4e-1}
"""
TEXTS = {
    "as-text": "merge_method: ties\nname: mine" + MERGED + "parameters: {normalize: 1.0, int8_mask: yes}\n",
    "unread": "merge_method: task_arithmetic" + MERGED + "parameters: {t: 0.3, rescale: off, density: 1}\n",
    "modules": """merge_method: ties
base_model: ../base
parameters: {weight: 1, normalize: off, lambda: 0.5}
modules:
  default:
    slices:
    - merge_method: linear
      sources:
      - {model: ../base, layer_range: [0, 1]}
      - {model: ../b, layer_range: [0, 1], revision: main}
      parameters: {density: {filter: mlp, value: .3}}
    - base_model: ../c
      sources:
      - {model: ../a, layer_range: [0, 2]}
      - {model: ../c, layer_range: [0, 2]}
    parameters: {density: [.2, .9]}
dtype: torch.float32
out_dtype:
""",
    "holders": """x: &weights
  - {filter: self_attn, value: [0, 0.5, 0.3]}
  - {filter: mlp, value: [1, .5]}
  - value: 0.5
merge_method: slerp
base_model: ../base
slices:
  - sources: [{model: ../base, layer_range: [0, 2]}, {model: ../b, layer_range: [0, 2]}]
    parameters: {t: *weights}
dtype: float32
""",
}


def make_models():
    for index, (name, (count, dtype, distance, shard)) in enumerate(MODELS.items()):
        shutil.rmtree(HERE / name, ignore_errors=True)
        shape = SHAPE | {"num_hidden_layers": count, "tie_word_embeddings": name == "tied"}
        if name == "speech":
            shape["vocab_size"] = 28
        model = LlamaForCausalLM(LlamaConfig(**shape))
        for place, (_, parameter) in enumerate(sorted(model.named_parameters())):
            common = torch.Generator().manual_seed(1000 + place)
            own = torch.Generator().manual_seed(100 * index + place)
            noise = torch.randn(parameter.shape, generator=own) * distance
            if name == "tied" and parameter is model.lm_head.weight:
                continue
            parameter.data = torch.randn(parameter.shape, generator=common) * 0.2 + noise
        model.to(dtype).save_pretrained(HERE / name, max_shard_size=shard)
        (HERE / name / "generation_config.json").unlink()
        if name in TOKENS:
            make_tokenizer(name)


def make_tokenizer(name):
    added = ADDED[name]
    vocabulary = {token: i for i, token in enumerate(TOKENS[name]) if token not in added}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    # Their ids are those of their places: they come after the others.
    text = json.loads(tokenizer.to_str())
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    text["added_tokens"] = [{"id": TOKENS[name].index(token), "content": token, **flags} for token in added]
    text["model"]["vocab"] |= {token: TOKENS[name].index(token) for token in added}
    (HERE / name / "tokenizer.json").write_text(json.dumps(text))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    (HERE / name / "tokenizer_config.json").write_text(json.dumps(config))


def merge(config):
    with tempfile.TemporaryDirectory() as out:
        written = config if isinstance(config, str) else yaml.safe_dump(config)
        text = written.replace("../", f"{HERE}/")
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


def masks_of(config, method):
    """Of the merge's two models, 1 for each element that is kept."""
    plain = copy.deepcopy(config)
    plain |= {"merge_method": method, "parameters": {"rescale": False}, "out_dtype": "float32"}
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


def chances():
    """What DELLA hands to torch.bernoulli."""
    found, drawn, base = {}, torch.bernoulli, tensors("base")
    for name, value in tensors("b").items():
        def keep(probabilities, name=name):
            found[name] = probabilities.clone()
            return drawn(probabilities)

        torch.bernoulli = keep
        della_magprune(value - base[name], density=0.6, epsilon=0.15)
    torch.bernoulli = drawn
    return found


def main():
    make_models()
    for folder in ("cases", "expected"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    for name, config in CASES.items():
        save_file(merge(config), HERE / "expected" / f"{name}.safetensors")
        text = yaml.safe_dump(config, sort_keys=False, default_flow_style=None)
        (HERE / "cases" / f"{name}.yml").write_text(text)
    for name, text in TEXTS.items():
        save_file(merge(text), HERE / "expected" / f"{name}.safetensors")
        (HERE / "cases" / f"{name}.yml").write_text(text)
    save_file(masks_of(CASES["dare-linear"], "dare_linear"), HERE / "masks.safetensors")
    save_file(masks_of(CASES["della"], "della_linear"), HERE / "masks-della.safetensors")
    save_file(chances(), HERE / "chances.safetensors")


main()
