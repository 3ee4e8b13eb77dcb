"""The losses of conversations by transformers, of the tokens that offsets name. Reads a job as JSON: folders, files."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

found = {}
for kind, folder in json.loads(sys.argv[1]).items():
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    # Untrimmed, as a token of white space alone would belong to no text.
    text = tokenizer.backend_tokenizer.to_str().replace('"trim_offsets":true', '"trim_offsets":false')
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=type(tokenizer.backend_tokenizer).from_str(text), eos_token="</s>")
    tokenizer.chat_template = open(f"{folder}/chat_template.jinja").read()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    total, count = 0.0, 0
    for line in open(f"{folder}/rows.jsonl"):
        messages = json.loads(line)["messages"]
        whole = tokenizer.apply_chat_template(messages, tokenize=False)
        learnt = set()
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                before = tokenizer.apply_chat_template(messages[:index], tokenize=False, add_generation_prompt=True)
                after = tokenizer.apply_chat_template(messages[: index + 1], tokenize=False)
                learnt |= set(range(len(before), len(after)))
        encoding = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        labels = [
            token if any(at in learnt for at in range(*offsets)) else -100
            for token, offsets in zip(encoding["input_ids"], encoding["offset_mapping"])
        ]
        labels[0] = -100
        ids = torch.tensor([encoding["input_ids"]])
        with torch.no_grad():
            loss = model(ids, labels=torch.tensor([labels])).loss.item()
        tokens = sum(label != -100 for label in labels)
        total += loss * tokens
        count += tokens
    found[kind] = {"loss": total / count, "tokens": count}
print(json.dumps(found))
