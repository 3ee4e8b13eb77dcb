"""Classification heads on the models of ../models, as transformers and PEFT compute them.

    python make.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes a file per case beside this one: the loss (mean over rows) of ../models' batch, labelled, the
logits, the head, and every gradient under the tensor's name, in float32. Of an adapter also a folder
as PEFT saves it. transformers pools the last token; mean and first are the same head on other states,
those of virtual tokens left out. Rows with virtual tokens are computed one at a time, unpadded: given
embeddings, transformers can't tell padding. (PEFT 0.21 computes no prefixes with transformers 5.24.)
"""

import json
import pathlib
import re
import shutil
import sys

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    TaskType,
    get_peft_model,
)
from safetensors.torch import save_file
from transformers import LlamaForSequenceClassification

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "models"
sys.path.insert(0, str(MODELS))
from make_llama import batch  # noqa: E402

CLASSES = [2, 0, 1]
SEVERAL = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
NUMBERS = [0.5, -1.25, 2.0]
LABELS = {
    "single_label_classification": torch.tensor(CLASSES),
    "multi_label_classification": torch.tensor(SEVERAL),
    "regression": torch.tensor(NUMBERS),
}
ADAPTERS = {
    "lora": LoraConfig(
        task_type=TaskType.SEQ_CLS, r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"]
    ),
    "ia3": IA3Config(
        task_type=TaskType.SEQ_CLS,
        target_modules=["k_proj", "v_proj", "down_proj"],
        feedforward_modules=["down_proj"],
    ),
    "prompt-tuning": PromptTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=4),
    "prompt-tuning-mean": PromptTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=4),
    "prefix-tuning": PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=3),
    "prefix-tuning-first": PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=3),
}
# name: (model, problem, pooling)
CASES = {
    "single-label": ("tied", "single_label_classification", "last"),
    "single-label-untied": ("untied", "single_label_classification", "last"),
    "multi-label": ("tied", "multi_label_classification", "last"),
    "regression": ("tied", "regression", "last"),
    "mean": ("tied", "single_label_classification", "mean"),
    "first": ("tied", "single_label_classification", "first"),
    "lora": ("untied", "single_label_classification", "last"),
    "ia3": ("untied", "single_label_classification", "last"),
    "prompt-tuning": ("untied", "single_label_classification", "last"),
    "prompt-tuning-mean": ("tied", "single_label_classification", "mean"),
    "prefix-tuning": ("tied", "multi_label_classification", "last"),
    "prefix-tuning-first": ("untied", "single_label_classification", "first"),
}


def outputs(model, pooling, ids, attention, problem):
    """loss, logits"""
    if pooling == "last":
        result = model(input_ids=ids, attention_mask=attention, labels=LABELS[problem])
        return result.loss, result.logits
    hidden = model.model(input_ids=ids, attention_mask=attention).last_hidden_state
    share = attention[:, :, None] / attention.sum(1)[:, None, None]
    pooled = (hidden * share).sum(1) if pooling == "mean" else hidden[:, 0]
    logits = model.score(pooled)
    return torch.nn.functional.cross_entropy(logits, LABELS[problem]), logits


def outputs_by_row(peft, pooling, ids, lengths, problem):
    """loss, logits of a model with virtual tokens, by PEFT's own forward"""
    states = []
    body = peft.get_base_model().model
    hook = body.register_forward_hook(lambda *call: states.append(call[2].last_hidden_state))
    losses, logits = [], []
    for row, length in enumerate(lengths):
        labels = LABELS[problem][row : row + 1]
        own = ids[row : row + 1, :length]
        result = peft(input_ids=own, attention_mask=torch.ones_like(own), labels=labels)
        loss, row_logits = result.loss, result.logits
        if pooling != "last":
            hidden = states[-1][:, -length:]
            pooled = hidden.mean(1) if pooling == "mean" else hidden[:, 0]
            row_logits = peft.get_base_model().score(pooled)
            loss = torch.nn.functional.cross_entropy(row_logits, labels)
        losses.append(loss)
        logits.append(row_logits)
    hook.remove()
    return torch.stack(losses).mean(), torch.cat(logits)


def load(base, problem):
    """The model under a head with values of its own, and the batch: ids, lengths"""
    torch.manual_seed(0)
    ids, _, lengths = batch(96)
    # Padding is told by its id: one that no row has.
    pad = next(one for one in range(96) if one not in ids)
    ids = torch.where(torch.arange(ids.shape[1]) < lengths[:, None], ids, pad)
    model = LlamaForSequenceClassification.from_pretrained(
        MODELS / base,
        dtype=torch.float32,
        attn_implementation="eager",
        num_labels=1 if problem == "regression" else 3,
        problem_type=problem,
        pad_token_id=pad,
    )
    generator = torch.Generator().manual_seed(3)
    model.score.weight.data = torch.randn(model.score.weight.shape, generator=generator) * 0.3
    return model, generator, ids, lengths


def make(name, base, problem, pooling):
    model, generator, ids, lengths = load(base, problem)
    score = model.score.weight.data.clone()
    if name in ADAPTERS:
        model = get_peft_model(model, ADAPTERS[name])
        for key, value in sorted(model.named_parameters()):
            if any(part in key for part in ("lora_", "ia3_", "prompt_encoder")):
                noise = torch.randn(value.shape, generator=generator) * 0.2
                value.data = noise + (1 if "ia3_" in key else 0)
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(folder)
        (folder / "README.md").unlink()
        file = folder / "adapter_config.json"
        saved = json.loads(file.read_text())
        for value in saved.values():
            if isinstance(value, list):
                value.sort()
        file.write_text(json.dumps(saved, indent=2, sort_keys=True))
    if "-tuning" in name:
        loss, logits = outputs_by_row(model, pooling, ids, lengths, problem)
    else:
        attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        loss, logits = outputs(model, pooling, ids, attention, problem)
    loss.backward()
    expected = {"loss": loss.detach()[None], "logits": logits.detach(), "score.weight": score}
    for key, value in model.named_parameters():
        if value.requires_grad:
            short = key.replace(".modules_to_save.default", "").replace(".default", "")
            short = re.sub(r"^base_model\.(model\.)?score", "score", short)
            short = short.replace("prompt_encoder.embedding.weight", "prompt_embeddings")
            expected[f"grad.{short}"] = value.grad
    save_file({k: v.contiguous() for k, v in expected.items()}, HERE / f"{name}.safetensors")


if __name__ == "__main__":
    for case, settings in CASES.items():
        make(case, *settings)
