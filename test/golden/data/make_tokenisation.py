"""Tokens and loss masks of 200 conversations by transformers.

    python make_tokenisation.py      (transformers 5.23, tokenizers 0.23)

Writes beside this file: a small byte-level BPE tokenizer trained on the conversations themselves,
three chat templates, rows.jsonl, and expected.json with, per template, each row's ids and mask:
`return_assistant_tokens_mask` where the template marks the assistant's text, else the difference
that rendering one message more makes, mapped to tokens by the tokenizer's own offsets.
"""

import json
import pathlib
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
GENERATION = """{%- for message in messages %}
    {%- if message['role'] == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {% generation %}
        {{- message['content'] + '<|im_end|>' }}
        {%- endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
LLAMA3 = """{{- bos_token }}
{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '<|sep|>\\n\\n' + message['content'] | trim + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant<|sep|>\\n\\n' }}
{%- endif %}
"""
TEMPLATES = {"chatml": CHATML, "generation": GENERATION, "llama3": LLAMA3}

PIECES = [
    "What is a dog?", "Explain the word *entropy* in one sentence.", "", " ", "  leading space",
    "trailing space  ", "line one\nline two\n", "tabs\tand\r\nwindows lines", "Grüße aus Köln – schön!",
    "日本語のテキストです。", "emoji 👩‍👩‍👧‍👦 and 🇩🇪 flags 🎉", "def f(x):\n    return x ** 2  # squared\n",
    "I'll don't we've it's THEY'RE", "1234567890 3.14159 1,000,000", "a" * 40, "<|im_end|> inside text",
    "<tag>&amp;</tag>", "math: ∑_{i=0}^{n} x_i ≤ 1", "\u00a0non-breaking\u2009thin", "مرحبا بالعالم",
    "A dog is a domestic animal that barks.", "Nothing.", "Yes", "{{ jinja }} {% raw %}", "\n\n\nmany newlines\n\n",
    "e\u0301 combining", "Ωμέγα", "https://example.org/a?b=c#d", "\"quotes\" 'single' `code`", "…",
]


def conversations():
    chance = random.Random(11)
    for _ in range(200):
        messages = []
        if chance.random() < 0.3:
            messages.append({"role": "system", "content": chance.choice(PIECES)})
        for _ in range(chance.randint(1, 3)):
            text = chance.choice(PIECES)
            messages.append({"role": "user", "content": text + chance.choice(["", " ", chance.choice(PIECES)])})
            messages.append({"role": "assistant", "content": chance.choice(PIECES) + chance.choice(PIECES)})
        if chance.random() < 0.1:
            messages.append({"role": "user", "content": "and now?"})
        yield messages


def train(rows):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=["<|bos|>", "<|im_start|>", "<|im_end|>", "<|sep|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [message["content"] for row in rows for message in row]
    tokenizer.train_from_iterator(texts + ["system user assistant"] * 50, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )


def by_prefix(tokenizer, messages, template):
    def render(count, prompt):
        return tokenizer.apply_chat_template(
            messages[:count], tokenize=False, add_generation_prompt=prompt, chat_template=template
        )

    whole = render(len(messages), False)
    spans = [
        (len(render(i, True)) if i else len(render(0, True)), len(render(i + 1, False)))
        for i, message in enumerate(messages)
        if message["role"] == "assistant"
    ]
    encoding = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    mask = [
        int(any(a < end and b > start for start, end in spans)) for a, b in encoding["offset_mapping"]
    ]
    return encoding["input_ids"], mask


rows = list(conversations())
tokenizer = train(rows)
tokenizer.save_pretrained(HERE / "tokenizer")
expected = {}
for name, template in TEMPLATES.items():
    (HERE / f"{name}.jinja").write_text(template)
    results = []
    for messages in rows:
        if name == "generation":
            result = tokenizer.apply_chat_template(
                messages, chat_template=template, return_dict=True, return_assistant_tokens_mask=True
            )
            ids, mask = result["input_ids"], result["assistant_masks"]
        else:
            ids, mask = by_prefix(tokenizer, messages, template)
        results.append([ids, "".join(map(str, mask))])
    expected[name] = results
(HERE / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
with open(HERE / "rows.jsonl", "w") as file:
    for messages in rows:
        file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
