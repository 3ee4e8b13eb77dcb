"""Renders every *.jinja of folders by transformers: `python chat_templates.py OUT.json FOLDER…`.

Without a folder, those of the installed trl (Apache-2.0), which keeps some seventy of public models.
"""

import json
import sys
from pathlib import Path

import trl
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

user = lambda text: {"role": "user", "content": text}
answer = lambda text, **more: {"role": "assistant", "content": text, **more}
system = {"role": "system", "content": "Be brief. \ue0a0 <b>&amp;</b>"}
call = {"type": "function", "id": "abcdefghi", "function": {"name": "f", "arguments": {"n": 9007199254740993, "x": 5.0, "s": "é"}}}
tools = [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"n": {"type": "integer", "default": 5.0}}, "required": ["n"]}}}]
CONVERSATIONS = {
    "one turn": {"messages": [user("Où est Brest? 👩‍👧"), answer("  In Brittany.\n")]},
    "two turns": {"messages": [user("a"), answer("b"), user("c"), answer("d")]},
    "system": {"messages": [system, user("a"), answer("b")]},
    "thinking": {"messages": [user("a"), answer("<think>\nhm\n</think>\n\nb"), user("c"), answer("<think>\nso\n</think>\n\nd")]},
    "reasoning": {"messages": [user("a"), answer("b", reasoning_content="hm")]},
    "tools": {"messages": [user("a"), answer("", tool_calls=[call]), {"role": "tool", "name": "f", "tool_call_id": "abcdefghi", "content": "7"}, answer("seven")], "tools": tools},
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

out, *folders = sys.argv[1:]
folders = folders or [Path(trl.__file__).parent / "chat_templates"]
results = []


def plain(value):
    """As JavaScript writes numbers: a prompt comes from there, a row is text."""
    return json.loads(json.dumps(value).replace("9007199254740993", "7").replace("5.0", "5"))


for file in sorted(file for folder in folders for file in Path(folder).rglob("*.jinja")):
    source = file.read_text(encoding="utf-8")
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})), **SPECIAL)
    for name, row in CONVERSATIONS.items():
        for ask in (False, True):
            shown = {**plain(row), "messages": plain(row["messages"][:-1])} if ask else row
            try:
                text = made.apply_chat_template(
                    shown["messages"],
                    chat_template=source,
                    tools=shown.get("tools"),
                    tokenize=False,
                    add_generation_prompt=ask,
                )
            except Exception:
                text = None
            results.append(
                {"file": file.name, "name": name, "ask": ask, "source": source, "row": json.dumps(shown), "text": text}
            )
Path(out).write_text(json.dumps({"special": SPECIAL, "results": results}))
