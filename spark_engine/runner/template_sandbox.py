"""The Jinja environment of chat templates: what transformers offers them, with every growth bounded."""

import json
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from jinja2 import Environment, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_TEXT = 4 * 1024 * 1024
MAX_TEXT_IN_ALL = 256 * 1024 * 1024
MAX_ITEMS = 100_000
MAX_NUMBER = 2**63

_FILTERS = (
    "abs count d default dictsort first float groupby int items last length list map max min reject rejectattr "
    "reverse round select selectattr sort unique"
)
_TEXT_FILTERS = "capitalize e escape lower safe string title trim upper"
_TEXT_METHODS = (
    "capitalize casefold count endswith find index isalnum isalpha isdigit islower isspace isupper lower lstrip "
    "partition removeprefix removesuffix rfind rindex rpartition rsplit rstrip split splitlines startswith strip "
    "swapcase title upper"
)
_made = threading.local()  # each rendering has a thread of its own


class OutputTooLarge(TemplateError):
    """The template tried to make something larger than a prompt can be."""


class TemplateRefusal(TemplateError):
    """The template itself refuses these messages, by `raise_exception`."""


def sandbox() -> Environment:
    """A fresh environment for one template."""
    environment = BoundedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[loopcontrols, Generation],
        cache_size=0,
        finalize=_text,
    )
    builtin = environment.filters
    environment.filters = {name: builtin[name] for name in _FILTERS.split()}
    environment.filters |= {name: _of_text(builtin[name]) for name in _TEXT_FILTERS.split()}
    environment.filters |= {"tojson": _tojson, "replace": _replace, "join": _join, "indent": _indent}
    environment.filters["_concat"] = _concat
    environment.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
    for name in ("lipsum", "cycler", "joiner"):
        environment.globals.pop(name, None)
    return environment


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox whose operators and joins refuse to make large things."""

    intercepted_binops = frozenset(("+", "-", "*", "**", "%", "/", "//"))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed: nodes.Template = _Bounding().visit(Parser(self, source, name, filename).parse())
        return parsed

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Put output together: of the whole template, of macros and of block assignments."""
        return "".join(_counted(parts))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`, unless the result would be large."""
        _check_operands(operator, left, right)
        return _small(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Of text only the methods that cannot enlarge it; replace and join are offered bounded."""
        if isinstance(obj, (str, bytes)):
            return attr in _TEXT_METHODS.split()
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """No `format` methods: a width in the pattern makes text of any length."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute; text methods that could enlarge are the bounded ones."""
        bounded = _text_method(obj, attribute)
        return super().getattr(obj, attribute) if bounded is None else bounded

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item, or an attribute of that name."""
        bounded = _text_method(obj, argument)
        found = super().getitem(obj, argument) if bounded is None else bounded
        return _text(found) if isinstance(found, str) else found


class Generation(Extension):
    """`{% generation %}` marks what a model said in training data; here its body is all that counts."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body, as if the tags were not there."""
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class _Bounding(NodeTransformer):
    """Sends `a ~ b` through a bounded filter; Jinja compiles it to a join that cannot be intercepted."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  (named by Jinja)
        self.generic_visit(node)
        listed = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(listed, "_concat", [], [], None, None, lineno=node.lineno)


def _text_method(obj: Any, attribute: Any) -> Callable[..., str] | None:
    if not isinstance(obj, str):
        return None
    if attribute == "replace":
        return lambda old, new, count=-1: _replace(obj, old, new, count)
    if attribute == "join":
        return lambda parts: _join(parts, obj)
    return None


def _of_text(builtin: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of text, given text of bounded size whatever it is applied to."""

    def bounded(value: Any, *args: Any, **kwargs: Any) -> Any:
        return builtin(_text(value), *args, **kwargs)

    return bounded


def _text(value: Any) -> Any:
    """A value as it is printed; lists and mappings are weighed first, as a small one can be endless in print."""
    if isinstance(value, (list, tuple, dict)):
        _weigh(value)
        value = str(value)
    if isinstance(value, str):
        _check_size(value, len(value))
    return value


def _weigh(value: Any) -> None:
    """Refuse a value that prints too long, by walking through it as printing would."""
    left, open_values = MAX_TEXT, [value]
    while open_values:
        item = open_values.pop()
        left -= len(item) if isinstance(item, str) else 8
        if left < 0:
            raise OutputTooLarge("something became too large")
        if isinstance(item, dict):
            open_values += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple)):
            open_values += item


def _counted(parts: Iterable[str]) -> Iterable[str]:
    total = 0
    for part in parts:
        total += len(part)
        if total > MAX_TEXT:
            raise OutputTooLarge("the text became too long")
        yield part
    _check_size("", total)


def _check_operands(operator: str, left: Any, right: Any) -> None:
    if operator == "**" or (operator == "%" and isinstance(left, (str, bytes))):
        raise SecurityError(f"the operator {operator} is not available here")
    if operator == "*":
        for sized, times in ((left, right), (right, left)):
            if isinstance(sized, (str, bytes, list, tuple)) and isinstance(times, int):
                _check_size(sized, len(sized) * times)
    if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
        _check_size(left, len(left) + len(right))


def _check_size(kind: Any, size: int) -> None:
    """Refuse what is too large by itself, or in sum with everything this rendering made before."""
    is_text = isinstance(kind, (str, bytes))
    _made.text = getattr(_made, "text", 0) + (size if is_text else 0)
    if size > (MAX_TEXT if is_text else MAX_ITEMS) or _made.text > MAX_TEXT_IN_ALL:
        raise OutputTooLarge("something became too long")


def _small(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise OutputTooLarge("a number became too large")
    return value


def _concat(parts: list[Any]) -> str:
    return "".join(_counted(str(_text(part)) for part in parts))


def _replace(text: Any, old: Any, new: Any, count: int | None = -1) -> str:
    source, find, put = str(_text(text)), str(old), str(new)
    limit = -1 if count is None else count
    times = source.count(find) if limit < 0 else min(limit, source.count(find))
    _check_size(source, len(source) + times * max(0, len(put) - len(find)))
    return source.replace(find, put, limit)


def _join(parts: Iterable[Any], between: Any = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise SecurityError("join(attribute=) is not available here; use map(attribute=)")
    texts = [str(_text(part)) for part in parts]
    _check_size("", sum(map(len, texts)) + len(str(between)) * len(texts))
    return str(between).join(texts)


def _indent(text: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    margin = width if isinstance(width, str) else " " * min(max(int(width), 0), 100)
    lines = str(_text(text)).splitlines(keepends=True)
    _check_size("", sum(map(len, lines)) + len(margin) * len(lines))
    begin = 0 if first else 1
    return "".join(
        margin + line if index >= begin and (blank or line.strip()) else line
        for index, line in enumerate(lines)
    )


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As in transformers: no HTML escapes. Escaping all but ASCII is not done, so that marks stay whole."""
    width = None if indent is None else min(max(int(indent), 0), 8)
    _weigh(value)
    text = json.dumps(value, ensure_ascii=False, indent=width, separators=separators, sort_keys=sort_keys)
    _check_size("", len(text))
    return text


def _raise_exception(message: object) -> None:
    raise TemplateRefusal(str(message))


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(str(form)[:100])
