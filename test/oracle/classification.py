"""Loads classifiers with transformers or PEFT and compares their loss with the goldens': see classification.ts."""

import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN / "models"))
from make_llama import batch  # noqa: E402

TOLERANCE = 1e-4
LABELS = {
    "single-label": torch.tensor([2, 0, 1]),
    "multi-label": torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]),
    "regression": torch.tensor([0.5, -1.25, 2.0]),
}
PROBLEMS = {
    "single-label": "single_label_classification",
    "multi-label": "multi_label_classification",
    "regression": "regression",
}
settings = dict(dtype=torch.float32, attn_implementation="eager")
failed = 0
for case in sys.argv[2:]:
    name, variant, problem = case.split("=")
    folder = pathlib.Path(sys.argv[1]) / name
    if (folder / "adapter_config.json").exists():
        base = AutoModelForSequenceClassification.from_pretrained(
            GOLDEN / "models" / variant, num_labels=3, problem_type=PROBLEMS[problem], **settings
        )
        model = PeftModel.from_pretrained(base, folder).eval()
    else:
        model = AutoModelForSequenceClassification.from_pretrained(folder, **settings).eval()
    ids, _, lengths = batch(96)
    losses, logits = [], []
    with torch.no_grad():
        # A row at a time: no padding whose id a model would have to know.
        for row, length in enumerate(lengths):
            result = model(input_ids=ids[row : row + 1, :length], labels=LABELS[problem][row : row + 1])
            losses.append(result.loss.item())
            logits.append(result.logits[0])
    loss = sum(losses) / len(losses)
    golden = load_file(GOLDEN / "classification" / f"{name.removesuffix('-merged')}.safetensors")
    expected = golden["loss"].item()
    error = abs(loss / expected - 1)
    apart = (torch.stack(logits) - golden["logits"]).abs().max().item()
    failed += error > TOLERANCE or apart > TOLERANCE
    print(f"{name}: {type(model).__name__} {loss:.6f}, expected {expected:.6f}, off by {error:.1e}; logits by {apart:.1e}")
sys.exit(1 if failed else 0)
