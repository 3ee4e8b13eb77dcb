"""Loss of a base model with an adapter by transformers and PEFT, of the adapter merged by PEFT, and
of a folder merged by Retune.  Called by round-trip.ts with one JSON argument; prints JSON.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

job = json.loads(sys.argv[1])


def loss_of(model):
    total, count = 0.0, 0
    for row in job["rows"]:
        ids = torch.tensor([row["ids"]])
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
        counted = torch.tensor(row["counted"][1:], dtype=torch.bool)
        total += losses[counted].sum().item()
        count += int(counted.sum())
    return total / count


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


result = {"base": loss_of(load(job["base"]))}
adapted = PeftModel.from_pretrained(load(job["base"]), job["adapter"])
result["adapter"] = loss_of(adapted)
merged = adapted.merge_and_unload()
result["mergedByPeft"] = loss_of(merged)
if "merged" in job:
    ours = load(job["merged"])
    result["mergedByRetune"] = loss_of(ours)
    theirs = merged.state_dict()
    result["mergedDifference"] = max(
        (value - theirs[key]).abs().max().item() for key, value in ours.state_dict().items()
    )
print(json.dumps(result))
