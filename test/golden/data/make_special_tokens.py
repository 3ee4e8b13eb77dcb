"""Which tokens a folder's files name and add, by transformers' AutoTokenizer.

    python make_special_tokens.py      (transformers 5.23, tokenizers 0.23)

Writes special-tokens.json: folders as {file: content}, and what AutoTokenizer makes of texts there.
All of them have the tokenizer.json of offsets/qwen.json, without some of its added tokens.
"""

import json
import pathlib
import tempfile

from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
BASE = json.loads((HERE / "offsets/qwen.json").read_text())
CLASS = {"tokenizer_class": "PreTrainedTokenizerFast"}
TEXTS = ["a<|end|>b", "x <|end|> y", "<s>one<one> <one>two", "</s>", "<|user|>hi", "a [PAD] b", "<think>deep</think>"]
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def token(content, **flags):
    return {"content": content, **PLAIN, **flags}


FOLDERS = {
    "named in the config": {"tokenizer_config.json": {**CLASS, "eos_token": "</s>", "bos_token": "<s>"}},
    "named by the map alone": {
        "tokenizer_config.json": CLASS,
        "special_tokens_map.json": {"eos_token": "</s>", "bos_token": {"content": "<s>", "lstrip": False}},
    },
    "no config at all": {"tokenizer_config.json": CLASS, "special_tokens_map.json": {"eos_token": "</s>"}},
    "the map goes before the config": {
        "tokenizer_config.json": {**CLASS, "eos_token": "<s>"},
        "special_tokens_map.json": {"eos_token": "</s>"},
    },
    "added_tokens_decoder makes the map void": {
        "tokenizer_config.json": {
            **CLASS,
            "eos_token": "<|end|>",
            "added_tokens_decoder": {"420": token("<|end|>", rstrip=True)},
        },
        "special_tokens_map.json": {"eos_token": "</s>"},
    },
    "added_tokens.json": {
        "tokenizer_config.json": {**CLASS, "eos_token": "<|end|>"},
        "added_tokens.json": {"<|end|>": 421, "<one>": 420},
    },
    "the map names what added_tokens.json adds": {
        "tokenizer_config.json": CLASS,
        "special_tokens_map.json": {"eos_token": {**token("<|end|>", lstrip=True), "special": True}},
        "added_tokens.json": {"<|end|>": 420},
    },
    "single words": {
        "tokenizer_config.json": {
            **CLASS,
            "added_tokens_decoder": {"420": token("<one>", single_word=True, special=False, normalized=True)},
        },
    },
    "a pad token that nothing else has": {
        "tokenizer_config.json": {**CLASS, "eos_token": "</s>", "pad_token": "[PAD]"},
    },
    "additional special tokens": {
        "tokenizer_config.json": {**CLASS, "additional_special_tokens": ["<think>", {"__type": "AddedToken", **token("</think>", lstrip=True)}]},
    },
    "extra special tokens by name": {
        "tokenizer_config.json": {**CLASS, "extra_special_tokens": {"think_token": "<think>"}, "image_token": "<one>"},
    },
    "another property of a token that tokenizer.json has": {
        "tokenizer_config.json": {
            **CLASS,
            "added_tokens_decoder": {"2": token("</s>", lstrip=True), "3": token("<|user|>", rstrip=True)},
        },
    },
}

cases = []
for name, files in FOLDERS.items():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "tokenizer.json").write_text(json.dumps(BASE))
        for file, content in files.items():
            (pathlib.Path(folder) / file).write_text(json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = [[text, tokenizer.encode(text, add_special_tokens=True)] for text in TEXTS]
        cases.append(
            {"name": name, "files": files, "rows": rows, "bos": tokenizer.bos_token_id, "eos": tokenizer.eos_token_id}
        )
lines = ",\n".join(json.dumps(case) for case in cases)
(HERE / "special-tokens.json").write_text(f"[\n{lines}\n]\n")
