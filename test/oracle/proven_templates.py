"""Renders rows by transformers: a JSON line in, {"source", "variables", "rows"}, is a JSON line out.

For each row and its variables [text, spans of {% generation %} in UTF-16 units, text that asks for an answer];
null where transformers refuses. Run by proven-templates.ts; `--list` prints trl's public templates instead.
"""

import json
import sys
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template


def rendered(source, messages, variables, **options):
    try:
        texts, spans = render_jinja_template(
            [messages], chat_template=source, **options, **variables
        )
        return texts[0], spans
    except Exception:
        return None, None


def utf16(text, at):
    return len(text[:at].encode("utf-16-le", "surrogatepass")) // 2


def answer(source, messages, variables, marks):
    text, spans = rendered(source, messages, variables, return_assistant_tokens_mask=marks)
    if text is not None:
        spans = [[utf16(text, start), utf16(text, end)] for start, end in spans[0]] if marks else []
    asked, _ = rendered(source, messages, variables, add_generation_prompt=True)
    return [text, spans, asked]


if "--list" in sys.argv:
    import trl

    folder = Path(trl.__file__).parent / "chat_templates"
    found = {file.stem: file.read_text("utf-8") for file in sorted(folder.glob("*.jinja"))}
    print(json.dumps(found))
else:
    for line in sys.stdin:
        asked = json.loads(line)
        source, marks = asked["source"], asked["marks"]
        answers = [answer(source, row["messages"], row["variables"], marks) for row in asked["rows"]]
        print(json.dumps(answers), flush=True)
