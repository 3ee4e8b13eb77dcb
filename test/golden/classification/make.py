"""Classification heads on the models of ../models, as transformers and PEFT compute them.

    python make.py        (torch 2.13, transformers 5.23, peft 0.21)

Writes a file per case beside this one: the loss (mean over rows) of ../models' batch, labelled, and
every gradient under the tensor's name; of a LoRA case also its tensors, in float32.
"""

import pathlib
import sys

import torch
from peft import LoraConfig, TaskType, get_peft_model
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
# name: (model, problem, LoRA)
CASES = {
    "single-label": ("tied", "single_label_classification", False),
    "single-label-untied": ("untied", "single_label_classification", False),
    "multi-label": ("tied", "multi_label_classification", False),
    "regression": ("tied", "regression", False),
    "lora": ("untied", "single_label_classification", True),
}


def make(name, base, problem, is_lora):
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
    score = model.score.weight.data.clone()
    if is_lora:
        targets = ["q_proj", "v_proj", "down_proj"]
        config = LoraConfig(task_type=TaskType.SEQ_CLS, r=2, lora_alpha=4, target_modules=targets)
        model = get_peft_model(model, config)
    trained = {k: v for k, v in model.named_parameters() if v.requires_grad}
    names = {k: k.replace(".modules_to_save.default", "").replace(".default", "") for k in trained}
    if is_lora:
        for key, value in sorted(trained.items()):
            if "lora_" in key:
                value.data = torch.randn(value.shape, generator=generator) * 0.2
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    result = model(input_ids=ids, attention_mask=attention, labels=LABELS[problem])
    result.loss.backward()
    expected = {"loss": result.loss.detach()[None], "logits": result.logits.detach()}
    expected["score.weight"] = score
    for key, value in trained.items():
        short = names[key].replace("base_model.model.score", "score")
        expected[f"grad.{short}"] = value.grad
        if "lora_" in key:
            expected[short] = value.data
    save_file({k: v.contiguous() for k, v in expected.items()}, HERE / f"{name}.safetensors")


for case, settings in CASES.items():
    make(case, *settings)
