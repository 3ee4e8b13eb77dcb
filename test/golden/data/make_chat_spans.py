"""Rows, their rendering by transformers, and what of it is trained, by TRL's rules where it has them.

    python test/golden/data/make_chat_spans.py

Templates: transformers' apply_chat_template through a bare tokenizer. completions: TRL's common prefix of
prompt and prompt + completion. {% generation %}: transformers' own indices.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import _compile_jinja_template, _render_with_assistant_indices

HERE = Path(__file__).parent

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'"
    " + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TOOLS = (
    "{% if tools %}{{ tools | tojson }}\n{% endif %}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{% for call in m.tool_calls or [] %}{{ call.function.arguments | tojson }}{% endfor %}</>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
MARKED = (
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
# Earlier thinking is taken out; the model is asked with an open <think>.
THINKING = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and not loop.last %}"
    "{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}{% endif %}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant><think>{% endif %}"
)
END_AT_LAST = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}{% if messages[-1].role == 'assistant' %}{{ eos_token }}"
    "{% endif %}{% if add_generation_prompt %}assistant:{% endif %}"
)
PYTHON = (
    "{{ True }} {{ None }} {{ [1, 'a', none] }} {{ -5 % 3 }} {{ 7 // 2 }} {{ 1e20 }} {{ 'xxaxx'.strip('x') }}|"
    "{{ '\\n\\n  b'.lstrip('\\n') }}|{{ messages[0].content.title() }} {{ 'a,b'.split(',') }} {{ {'k': 1.0} }}"
)

user = lambda text, **more: {"role": "user", "content": text, **more}
answer = lambda text, **more: {"role": "assistant", "content": text, **more}
call = lambda arguments: {"type": "function", "function": {"name": "f", "arguments": arguments}}

FOUR = [user("Où?"), answer("Brest 👩‍👧"), user("And?"), answer("\ue0a0 Rennes \ue0a1")]
SCHEMA = [{"type": "function", "function": {"name": "f", "parameters": {"n": 5.0, "big": 9007199254740993}}}]
# name, template, row, which of the answers are trained
CASES = [
    ("all answers of a conversation are trained", CHATML, {"messages": FOUR}, [1, 3]),
    ("an answer of weight 0 is not trained", CHATML, {"messages": [FOUR[0], answer("no", weight=0), *FOUR[2:]]}, [3]),
    ("an answer with train false is not trained", CHATML, {"messages": [*FOUR[:3], answer("no", train=False)]}, [1]),
    ("of prompt and completion lists only the completion is trained", CHATML, {"prompt": FOUR[:3], "completion": FOUR[3:]}, "completion"),
    ("marks are the template's, whatever the text holds", MARKED, {"messages": FOUR}, "marks"),
    ("an unmarked weight is honoured beside marks", MARKED, {"messages": [FOUR[0], answer("no", weight=0), *FOUR[2:]]}, "last mark"),
    ("numbers of tool calls keep their digits", TOOLS, {"messages": [user("x"), answer("", tool_calls=[call({"n": 9007199254740993, "x": 5.0, "y": 1e20, "z": 1.0e-7})])]}, [1]),
    ("tools beside messages are rendered", TOOLS, {"messages": FOUR[:2], "tools": SCHEMA}, [1]),
    ("tools may be JSON text", TOOLS, {"messages": FOUR[:2], "tools": json.dumps(SCHEMA)}, [1]),
    ("tools beside prompt and completion are rendered", TOOLS, {"prompt": FOUR[:1], "completion": FOUR[1:2], "tools": SCHEMA}, "completion"),
    ("a prefilled <think> that the row lacks is no part of the answer's prompt", THINKING, {"messages": FOUR[:2]}, [1]),
    ("stripped thinking leaves the last answer trained and the earlier one told", THINKING, {"messages": [user("a"), answer("<think>hm</think>b"), user("c"), answer("<think>so</think>d")]}, "last answer"),
    ("an end that only the last turn has is trained there alone", END_AT_LAST, {"messages": FOUR}, [1, 3]),
    ("Python prints as Python", PYTHON, {"messages": FOUR[:1]}, []),
]


def tokenizer(template):
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})), eos_token="</s>")
    made.chat_template = template
    return made


def common(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def utf16(text, at):
    return len(text[:at].encode("utf-16-le", "surrogatepass")) // 2


results = []
for name, template, row, trained in CASES:
    tools = row.get("tools")
    tools = json.loads(tools) if isinstance(tools, str) else tools
    made = tokenizer(template)
    render = lambda messages, ask=False: made.apply_chat_template(
        messages, tools=tools, tokenize=False, add_generation_prompt=ask
    )
    messages = row.get("messages") or row["prompt"] + row["completion"]
    text = render(messages)
    if trained == "completion":
        spans = [(common(render(row["prompt"], True), text), len(text))]
    elif trained in ("marks", "last mark"):
        _, spans = _render_with_assistant_indices(
            _compile_jinja_template(template), messages, tools, None, False, **made.special_tokens_map
        )
        spans = spans[-1:] if trained == "last mark" else spans
    elif trained == "last answer":
        spans = [(common(render(messages[:-1], True), text), len(text))]
    else:
        # Ends by hand: where the next turn begins, found by what is after the answer's words.
        spans = []
        for index in trained:
            start = common(render(messages[:index], True), text)
            end = common(render(messages[: index + 1]), text)
            spans.append((start, end))
    results.append(
        {
            "name": name,
            "template": template,
            "row": json.dumps(row, ensure_ascii=False),
            "text": text,
            "spans": [[utf16(text, a), utf16(text, b)] for a, b in spans],
            "unplaced": 1 if trained == "last answer" else 0,
        }
    )

(HERE / "chat-spans.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
