"""Rows of training data to text, as transformers renders them.

Runs in CPython 3.11 as well as in Pyodide, with nothing but jinja2: the environment below is the one of
transformers' utils/chat_template_utils.py (5.23), and `messages_of` what its tokenizers do before rendering.
"""

import json
import re
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

import jinja2
import jinja2.debug
import jinja2.ext
import jinja2.sandbox


class AssistantTracker(jinja2.ext.Extension):
    """The tag {% generation %}, which marks what the assistant says."""

    tags = {"generation"}

    def __init__(self, environment):
        super().__init__(environment)
        environment.extend(track=self.track)
        self._blocks = None
        self._spans = None

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_generated"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _generated(self, context, caller):
        text = caller()
        if self._blocks is not None:
            start = sum(map(len, self._blocks))
            self._spans.append((start, start + len(text)))
        return text

    @contextmanager
    def track(self, blocks, spans):
        self._blocks, self._spans = blocks, spans
        try:
            yield
        finally:
            self._blocks = self._spans = None


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def strftime_now(format):
    return datetime.now().strftime(format)


class TemplateDict:
    """`dict` without the attributes of a class."""

    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)

    def fromkeys(self, *args, **kwargs):
        return dict.fromkeys(*args, **kwargs)


class TemplateNamespace(jinja2.utils.Namespace):
    """`namespace` without underscored names."""

    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            TemplateNamespace._check_name(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        TemplateNamespace._check_name(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def _check_name(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(
                "Chat templates cannot store underscore-prefixed attributes on a namespace, "
                f"but got {name!r}. Please rename the attribute."
            )


@lru_cache(maxsize=8)
def compiled(source):
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[AssistantTracker, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    environment.globals["dict"] = TemplateDict()
    environment.globals["namespace"] = TemplateNamespace
    return environment.from_string(source)


GENERATION = re.compile(r"\{%[-+]?\s*generation\b")
REASONING = ("reasoning_content", "thinking", "reasoning")


class Template:
    """The template that a row's tools choose, with what it may print beside the messages."""

    def __init__(self, sources, tools, variables):
        name = "tool_use" if tools is not None and "tool_use" in sources else "default"
        if name not in sources:
            raise UnusableRow(
                f"the model has chat templates of the names {sorted(sources)}, and none is called default"
            )
        source = sources[name]
        try:
            self._template = compiled(source)
        except jinja2.exceptions.TemplateSyntaxError as error:
            raise UnusableRow(
                f"the chat template does not parse: {error.message} (its line {error.lineno})"
            ) from error
        except (RecursionError, MemoryError) as error:
            raise UnusableRow(f"the chat template does not parse: {type(error).__name__}") from error
        self.marks = GENERATION.search(source) is not None
        self._variables = {**variables, "tools": tools, "documents": None}

    def text(self, messages, ask=False):
        return self._template.render(
            {**self._variables, "messages": messages, "add_generation_prompt": ask}
        )

    def marked(self, messages):
        """Text, and the spans of its {% generation %} blocks."""
        blocks, spans = [], []
        with self._template.environment.track(blocks, spans):
            for block in self._template.generate(
                {**self._variables, "messages": messages, "add_generation_prompt": False}
            ):
                blocks.append(block)
        return "".join(blocks), spans


class UnusableRow(Exception):
    """With a message for whoever wrote row or template."""


def told(error):
    if isinstance(error, UnusableRow):
        return str(error)
    if isinstance(error, jinja2.exceptions.UndefinedError):
        return f"the chat template can't use this row: {error.message}"
    if isinstance(error, jinja2.exceptions.SecurityError):
        return f"the chat template is not safe: {error}"
    if isinstance(error, jinja2.exceptions.TemplateError):
        return f"the chat template refuses: {error}"
    if isinstance(error, MemoryError):
        return "the chat template needs more memory than it may have"
    return f"the chat template fails: {type(error).__name__}: {error}"


def messages_of(messages):
    """What a tokenizer of transformers makes of messages before rendering."""
    shown = []
    for message in messages:
        message = {key: value for key, value in message.items() if value is not None}
        for key in REASONING:
            if key in message:
                said = message[key]
                message = {"thinking": said, **message, "reasoning_content": said}
                break
        shown.append(message)
    return shown


def tools_of(row):
    """TRL's: tools are a list, or its JSON text."""
    tools = row.get("tools")
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except ValueError as error:
            raise UnusableRow(f'"tools" is text, but not JSON: {error}') from error
    if tools is None:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise UnusableRow('"tools" must be a list of JSON schemas, or its JSON text')
    return tools


def conversation_of(row, roles):
    """ShareGPT's turns as messages; how a turn is weighed, and what else a template may read, goes with it."""
    system = row.get("system")
    messages = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    for turn in row["conversations"]:
        if "from" not in turn:
            messages.append(turn)
            continue
        others = {key: value for key, value in turn.items() if key not in ("from", "value")}
        message = {**others, "role": roles[turn["from"]], "content": turn["value"]}
        if turn["from"] == "function_call":
            calls = json.loads(turn["value"])
            calls = calls if isinstance(calls, list) else [calls]
            message["content"] = ""
            message["tool_calls"] = [{"type": "function", "function": call} for call in calls]
        messages.append(message)
    return messages


def messages_in(row, roles):
    if "messages" in row:
        return messages_of(row["messages"])
    if "conversations" in row:
        return messages_of(conversation_of(row, roles))
    return messages_of(row["prompt"]) + messages_of(row["completion"])


def turn_texts(template, messages, index):
    """Between which messages[index] stands, if it is an answer."""
    is_last = index == len(messages) - 1
    end = None if is_last else template.text(messages[: index + 1])
    try:
        asked = template.text(messages[:index], ask=True)
    except Exception:
        # Not every template can ask about nothing: an assistant that begins.
        asked = None
    return {"end": end, "asked": asked}


ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def in_utf16(text, spans):
    """Offsets as JavaScript counts them."""
    if not ASTRAL.search(text):
        return spans
    return [
        tuple(at + len(ASTRAL.findall(text, 0, at)) for at in span) for span in spans
    ]


def render_row(row, job, answers):
    """What answer-spans.ts asks to find the answers."""
    options = row.get("chat_template_kwargs")
    variables = {**job["variables"], **(options if isinstance(options, dict) else {})}
    template = Template(job["sources"], tools_of(row), variables)
    if answers is None:
        text = template.text(messages_of(row["messages"]), ask=True)
        return {"text": text, "marked": None, "prompt": None, "turns": []}
    messages = messages_in(row, job["roles"])
    marked = None
    if template.marks:
        text, spans = template.marked(messages)
        marked = in_utf16(text, spans)
    else:
        text = template.text(messages)
    begin = answers["begin"]
    prompt = template.text(messages[:begin], ask=True) if begin > 0 else None
    placed = answers["trained" if marked is None and begin == 0 else "untrained"]
    turns = [turn_texts(template, messages, index) for index in placed]
    return {"text": text, "marked": marked, "prompt": prompt, "turns": turns}


def render(job, rows, answers):
    """JSON text in and out: for each row and its answers (null to ask for one) its texts, or what is wrong with it."""
    job = json.loads(job)
    results = []
    for row, placed in zip(rows, json.loads(answers)):
        try:
            results.append(render_row(json.loads(row), job, placed))
        except Exception as error:
            results.append(told(error)[:2000])
    return json.dumps(results)


def warm():
    """Imports what a first rendering would."""
    source = "{% for m in messages %}{% generation %}{{ m | tojson }}{% endgeneration %}{% endfor %}"
    job = {"sources": {"default": source}, "variables": {}}
    row = {"messages": [{"role": "assistant", "content": "x"}]}
    render(json.dumps(job), [json.dumps(row)], "[null]")
    datetime.now().strftime("%d %b %Y")
    compiled.cache_clear()
