"""The adapters of this folder merged into their bases by PEFT's merge_and_unload.

    python make_merged.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes merged.safetensors into each case's folder: the tensors that changed, in float32. Weighted: two
copies of an adapter added up by add_weighted_adapter. A tied head is cloned first, as PEFT's own
warning asks for.
"""

import pathlib

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
CASES = {
    "dora": "tied",
    "dora-biased": "untied",
    "patterns": "tied",
    "modules": "untied",
    "embedding": "tied",
    "dora-embedding": "tied",
    "ia3": "tied",
    "ia3-biased": "untied",
}


def load(variant):
    model = LlamaForCausalLM.from_pretrained(MODELS / variant, dtype=torch.float32)
    if model.config.tie_word_embeddings:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    return model


for name, variant in CASES.items():
    before = {key: value.clone() for key, value in load(variant).state_dict().items()}
    after = PeftModel.from_pretrained(load(variant), HERE / name).merge_and_unload().state_dict()
    changed = {key: value.contiguous() for key, value in after.items() if not torch.equal(value, before[key])}
    print(name, sorted(changed)[:3], len(changed))
    save_file(changed, HERE / name / "merged.safetensors")
