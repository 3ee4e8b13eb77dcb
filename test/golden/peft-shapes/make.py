"""Adapters in every shape that PEFT saves and loads beside the plain one, on the models of ../models.

    python make.py        (torch 2.13, transformers 5.23, peft 0.21)

One folder per case: the adapter as PEFT saves it (`renamed`, `coarse`: changed afterwards, as noted), and
expected.safetensors with the loss of base + adapter after PEFT has loaded it (mean over counted tokens of
../models' batch) and `merged.`: the tensors that its merge_and_unload changes. Where PEFT's merge would add
factors of a tied head to the embedding, of which it warns, the head is cloned first.
"""

import json
import pathlib
import shutil
import sys

import torch
from peft import IA3Config, LoraConfig, PeftModel, PrefixTuningConfig, PromptEncoderConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(MODELS))
from make_llama import batch  # noqa: E402

VOCABULARY = 96
FIRST = "layers.0.self_attn.q_proj"


def lora(targets=(), **more):
    return LoraConfig(r=2, lora_alpha=4, target_modules=[FIRST, *targets], **more)


VIRTUAL = dict(num_virtual_tokens=3, encoder_hidden_size=20)
# base, added tokens, config
CASES = {
    "dora-embedding": ("tied", 0, lora(["embed_tokens"], use_dora=True)),
    "dora-untied": ("untied", 0, lora(["embed_tokens", "lm_head"], use_dora=True)),
    "whole-embedding": ("tied", 0, lora(modules_to_save=["embed_tokens"])),
    "whole-head": ("tied", 0, lora(modules_to_save=["lm_head"])),
    "whole-both": ("tied", 0, lora(modules_to_save=["embed_tokens", "lm_head"])),
    "lora-head": ("tied", 0, lora(["lm_head"])),
    "kept-tie-whole": ("tied", 0, lora(modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    "kept-tie-lora": ("tied", 0, lora(["embed_tokens"], ensure_weight_tying=True)),
    "whole-mlp": ("untied", 0, lora(modules_to_save=["0.mlp"])),
    "whole-layer": ("untied", 0, lora(modules_to_save=["layers.1"])),
    "tokens": ("tied", 0, lora(trainable_token_indices=[90, 3, 7])),
    "tokens-apart": (
        "untied",
        0,
        lora(trainable_token_indices={"embed_tokens": [3, 7], "lm_head": [5]}),
    ),
    "grown": ("tied", 4, lora()),
    "grown-untied": ("untied", 4, lora()),
    "grown-lora": ("tied", 4, lora(["embed_tokens"])),
    "grown-whole": ("tied", 4, lora(modules_to_save=["embed_tokens", "lm_head"])),
    "grown-tokens": ("tied", 4, lora(trainable_token_indices=[96, 97, 99])),
    "negative-alpha": ("tied", 0, LoraConfig(r=2, lora_alpha=-3, target_modules=[FIRST])),
    "zero-alpha": ("tied", 0, LoraConfig(r=2, lora_alpha=0, target_modules=[FIRST])),
    "bias": ("untied", 0, lora(bias="lora_only")),
    "bias-all": ("untied", 0, lora(bias="all")),
    "ia3-whole": (
        "tied",
        0,
        IA3Config(target_modules=["k_proj"], feedforward_modules=[], modules_to_save=["norm"]),
    ),
    "renamed": ("tied", 0, lora(["k_proj"])),
    "coarse": ("tied", 0, lora(["embed_tokens"])),
    "projection": ("tied", 0, PrefixTuningConfig(prefix_projection=True, **VIRTUAL)),
    "p-tuning": ("tied", 0, PromptEncoderConfig(**VIRTUAL)),
    "p-tuning-lstm": (
        "tied",
        0,
        PromptEncoderConfig(encoder_reparameterization_type="LSTM", **VIRTUAL),
    ),
}


def load(base, added):
    torch.manual_seed(0)
    model = LlamaForCausalLM.from_pretrained(
        MODELS / base, dtype=torch.float32, attn_implementation="eager"
    )
    if added:
        model.resize_token_embeddings(VOCABULARY + added)
    return model


def loss_of(model):
    ids, counted, lengths = batch(VOCABULARY)
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=attention).logits
    logits = logits[:, logits.shape[1] - ids.shape[1] :]
    labels = torch.where(counted, ids, -100)[:, 1:]
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100
    )


def randomise(peft):
    """In place: ensure_weight_tying shares memory."""
    generator = torch.Generator().manual_seed(3)
    for key, value in sorted(peft.named_parameters()):
        shared = "lm_head.lora_" in key and peft.peft_config["default"].ensure_weight_tying
        if not value.requires_grad or shared:
            continue
        noise = torch.randn(value.shape, generator=generator)
        fresh = "lora_A" in key or "lora_B" in key or "lora_embedding" in key
        with torch.no_grad():
            value.copy_(noise * 0.2 if fresh else value * (1 + noise * 0.3))


def untie(peft):
    """What PEFT's warning recommends before a merge of factors of a tied pair."""
    model = peft.get_base_model()
    head = getattr(model.lm_head, "base_layer", model.lm_head)
    table = model.model.embed_tokens
    table = getattr(table, "base_layer", table)
    head.weight = torch.nn.Parameter(table.weight.detach().clone())
    model.config.tie_word_embeddings = False


def edit(folder, name):
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    if name == "renamed":
        # As model.state_dict() has them.
        tensors = {k.replace(".weight", ".default.weight"): v for k, v in tensors.items()}
    if name == "coarse":
        tensors = {
            k: v.to(torch.bfloat16) if "base_layer" in k else v for k, v in tensors.items()
        }
    save_file(tensors, file)


def make(name, base, added, config):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config.task_type = "CAUSAL_LM"
    peft = get_peft_model(load(base, added), config)
    # So that PEFT finds how many tokens the base had.
    peft.peft_config["default"].base_model_name_or_path = str(MODELS / base)
    randomise(peft)
    peft.save_pretrained(folder)
    (folder / "README.md").unlink()
    file = folder / "adapter_config.json"
    saved = json.loads(file.read_text())
    saved["base_model_name_or_path"] = base
    for value in saved.values():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value.sort()
    file.write_text(json.dumps(saved, indent=2, sort_keys=True))
    edit(folder, name)
    loaded = PeftModel.from_pretrained(load(base, added), folder).eval()
    loss = loss_of(loaded)
    expected = {"loss": loss[None]}
    if name in ("projection", "p-tuning", "p-tuning-lstm"):
        print(name, loss.item())
    else:
        before = {k: v.clone() for k, v in load(base, 0).state_dict().items()}
        targets = str(saved.get("target_modules"))
        if base == "tied" and ("embed_tokens" in targets or "lm_head" in targets):
            untie(loaded)
        merged = loaded.merge_and_unload()
        error = abs(loss_of(merged).item() - loss.item())
        print(name, loss.item(), f"merged {error:.1e}", "tied", merged.config.tie_word_embeddings)
        assert error < 2e-5 or name == "coarse", name
        state = merged.state_dict()
        if merged.config.tie_word_embeddings:
            state.pop("lm_head.weight")
        else:
            before.setdefault("lm_head.weight", before["model.embed_tokens.weight"])
        for key, value in state.items():
            if before[key].shape != value.shape or not torch.equal(before[key], value):
                expected[f"merged.{key}"] = value.clone().contiguous()
    save_file(expected, folder / "expected.safetensors")


for case, arguments in CASES.items():
    if len(sys.argv) == 1 or case in sys.argv[1:]:
        make(case, *arguments)
