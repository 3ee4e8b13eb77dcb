"""Loads adapters with PEFT and compares their loss with the goldens': see adapters.ts."""

import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN / "models"))
from make_llama import batch  # noqa: E402

TOLERANCE = 1e-4
failed = 0
for case in sys.argv[2:]:
    name, variant = case.split("=")
    model = LlamaForCausalLM.from_pretrained(
        GOLDEN / "models" / variant, dtype=torch.float32, attn_implementation="eager"
    )
    peft = PeftModel.from_pretrained(model, pathlib.Path(sys.argv[1]) / name).eval()
    ids, counted, lengths = batch(96)
    attention = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    with torch.no_grad():
        logits = peft(input_ids=ids, attention_mask=attention).logits
    logits = logits[:, logits.shape[1] - ids.shape[1] :]
    labels = torch.where(counted, ids, -100)[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100
    ).item()
    expected = load_file(GOLDEN / "adapters" / name / "expected.safetensors")["loss"].item()
    error = abs(loss / expected - 1)
    failed += error > TOLERANCE
    print(f"{name}: PEFT {loss:.6f}, expected {expected:.6f}, off by {error:.1e}")
sys.exit(1 if failed else 0)
