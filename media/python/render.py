"""Rows of training data to text, as transformers renders them, and where in it the answers are.

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


def is_trained(message):
    return (
        message.get("role") == "assistant"
        and message.get("weight") != 0
        and message.get("train") is not False
    )


def common_length(a, b):
    """Of the longest common prefix."""
    if b.startswith(a):
        return len(a)
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def said(message):
    content = message.get("content")
    return content.strip() if isinstance(content, str) else ""


def turn_span(template, messages, index, whole):
    """Where messages[index] stands in the whole text, with its end mark; None where that can't be told.

    Between what the model is asked with and what there is with the answer. Where later turns
    change how earlier ones are rendered, the answer's own words must be found in between.
    """
    is_last = index == len(messages) - 1
    end_text = whole if is_last else template.text(messages[: index + 1])
    end = common_length(end_text, whole)
    answer = said(messages[index])
    try:
        asked = template.text(messages[:index], ask=True)
    except Exception:
        # Not every template can ask about nothing: an assistant that begins.
        if index > 0 or answer == "" or whole.count(answer, 0, end) != 1:
            return None
        return (whole.index(answer, 0, end), end)
    start = common_length(asked, whole)
    if start > end:
        return None
    is_plain = start == len(asked) and end == len(end_text)
    if is_plain or is_last or (answer != "" and whole.find(answer, start, end) >= 0):
        return (start, end)
    return None


def within(spans, bounds):
    low, high = bounds
    cut = [(max(start, low), min(end, high)) for start, end in spans]
    return [(start, end) for start, end in cut if start < end]


def without(spans, holes):
    for low, high in holes:
        spans = within_any(spans, low, high)
    return spans


def within_any(spans, low, high):
    parts = []
    for start, end in spans:
        parts += [(start, min(end, low)), (max(start, high), end)]
    return [(start, end) for start, end in parts if start < end]


def spans_of(template, messages, begin):
    """Text, trained spans, and how many answers have no place in it.

    begin: where a completion begins in the messages, 0 where all answers are trained.
    """
    if template.marks:
        whole, spans = template.marked(messages)
    else:
        whole, spans = template.text(messages), None
    unplaced = 0
    if begin > 0:
        prompt = template.text(messages[:begin], ask=True)
        completion = (common_length(prompt, whole), len(whole))
        spans = [completion] if spans is None else within(spans, completion)
    answers = [i for i in range(begin, len(messages)) if messages[i].get("role") == "assistant"]
    trained = [i for i in answers if is_trained(messages[i])]
    if spans is None:
        spans = []
        for index in trained:
            span = turn_span(template, messages, index, whole)
            if span is None:
                unplaced += 1
            else:
                spans.append(span)
    elif len(trained) < len(answers):
        holes = []
        for index in answers:
            if index in trained:
                continue
            span = turn_span(template, messages, index, whole)
            if span is None:
                # Rather nothing than what must not be learnt.
                return whole, [], len(trained)
            holes.append(span)
        spans = without(spans, holes)
    return whole, joined(spans), unplaced


def joined(spans):
    """In order and apart."""
    result = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def in_utf16(text, spans):
    """Offsets as JavaScript counts them."""
    if not ASTRAL.search(text):
        return spans
    return [
        tuple(at + len(ASTRAL.findall(text, 0, at)) for at in span) for span in spans
    ]


def render_row(row, job):
    options = row.get("chat_template_kwargs")
    variables = {**job["variables"], **(options if isinstance(options, dict) else {})}
    template = Template(job["sources"], tools_of(row), variables)
    if job["ask"]:
        return [template.text(messages_of(row["messages"]), ask=True), [], 0]
    if "messages" in row:
        messages, begin = messages_of(row["messages"]), 0
    elif "conversations" in row:
        messages, begin = messages_of(conversation_of(row, job["roles"])), 0
    else:
        prompt = messages_of(row["prompt"])
        messages, begin = prompt + messages_of(row["completion"]), len(prompt)
    text, spans, unplaced = spans_of(template, messages, begin)
    return [text, in_utf16(text, spans), unplaced]


def render(job, rows):
    """JSON text in and out: for each row [text, spans, unplaced answers], or what is wrong with it."""
    job = json.loads(job)
    results = []
    for row in rows:
        try:
            results.append(render_row(json.loads(row), job))
        except Exception as error:
            results.append(told(error)[:2000])
    return json.dumps(results)


def warm():
    """Imports what a first rendering would."""
    source = "{% for m in messages %}{% generation %}{{ m | tojson }}{% endgeneration %}{% endfor %}"
    job = {"sources": {"default": source}, "variables": {}, "ask": False}
    render(json.dumps(job), [json.dumps({"messages": [{"role": "assistant", "content": "x"}]})])
    datetime.now().strftime("%d %b %Y")
    compiled.cache_clear()
