"""Chat templates are hostile input: they render like transformers' do, and cannot take memory or time."""

import threading
import time

import pytest

from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.runner.template import MAX_SOURCE, ChatTemplate

MESSAGES: list[dict[str, object]] = [
    {"role": "system", "content": " Be kind. "},
    {"role": "user", "content": "Hi <b>&</b> 'ü'"},
]
TOOLS: list[dict[str, object]] = [
    {"type": "function", "function": {"name": "f", "parameters": {"ä": [1, None]}}}
]


def render(source: str, tools: list[dict[str, object]] | None = None) -> str:
    return ChatTemplate(source).render(MESSAGES, tools, {"bos_token": "<s>"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m.content | trim }}{% endfor %}",
            "<s>[system]Be kind.[user]Hi <b>&</b> 'ü'",
        ),
        ("{%- for m in messages -%}\n    {%- if loop.first %}A{% else %}B{% endif %}\n{% endfor %}", "AB"),
        (
            "{{ messages[1:] | length }}{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
            "11",
        ),
        (
            "{% set ns = namespace(x='') %}{% for m in messages %}{% set ns.x = ns.x ~ m.role %}{% endfor %}{{ ns.x }}",
            "systemuser",
        ),
        (
            "{% macro turn(m) %}<{{ m.role }}>{% endmacro %}{% for m in messages %}{{ turn(m) }}{% endfor %}",
            "<system><user>",
        ),
        (
            "{{ 'a</think>b'.split('</think>')[-1].lstrip('\\n') }}{{ 'x-y'.replace('-', '+') }}",
            "bx+y",
        ),
        ("{{ ','.join(['a','b']) }}", "a,b"),
        (
            "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
            "01345678",
        ),
        (
            "{% for i in range(9) %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}",
            "0123",
        ),
        ("{% generation %}x{{ 1 }}{% endgeneration %}", "x1"),
        ("{{ ['a', 'b'] | join(', ') }}{{ 'x' * 3 }}{{ 7 // 2 }}{{ 7 % 4 }}", "a, bxxx33"),
        (
            "{{ messages[0].content is string }}{{ messages[0].nothing is defined }}{{ none is none }}",
            "TrueFalseTrue",
        ),
        ("{% if tools %}{% else %}none{% endif %}{{ strftime_now('%Y')[:2] }}", "none20"),
        (
            "{{ {'b': 1, 'a': 2} | dictsort }}{% for k, v in {'q': 1}.items() %}{{ k }}{{ v }}{% endfor %}",
            "[('a', 2), ('b', 1)]q1",
        ),
        ("{{ 'a\nb' | indent(2) }}|{{ messages[0].get('role') | upper }}", "a\n  b|SYSTEM"),
        ("{% filter upper %}abc{% endfilter %}{% set x %}y{{ 1 }}{% endset %}{{ x }}", "ABCy1"),
        ("{% call(x) m() %}{% endcall %}", None),
    ],
)
def test_renders_what_transformers_templates_use(source: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(InvalidRequest):
            render(source)
    else:
        assert render(source) == expected


def test_json_is_written_without_html_escapes() -> None:
    assert (
        render("{{ tools | tojson }}", TOOLS)
        == '[{"type": "function", "function": {"name": "f", "parameters": {"ä": [1, null]}}}]'
    )
    assert render("{{ {'a': '<'} | tojson(indent=2) }}") == '{\n  "a": "<"\n}'


def test_a_template_may_refuse_messages() -> None:
    with pytest.raises(InvalidRequest) as caught:
        render("{{ raise_exception('roles must alternate') }}")
    assert (caught.value.code, caught.value.param) == ("template_refused", "messages")
    assert "roles must alternate" in caught.value.message


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{{ 'a' | no_such_filter }}",
        "{% for %}",
        "x" * (MAX_SOURCE + 1),
        "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    ],
)
def test_a_broken_template_is_refused_at_once(source: str) -> None:
    with pytest.raises(SparkError) as caught:
        ChatTemplate(source)
    assert caught.value.code == "bad_template"


DOUBLING = "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = %s %}" * 60
BOMBS = {
    "plus": DOUBLING.replace("%s", "x + x"),
    "tilde": DOUBLING.replace("%s", "x ~ x"),
    "times": "{{ 'a' * 10000000000 }}",
    "times list": "{{ ([1] * 10000000000) | length }}",
    "power": "{{ 10 ** 10 ** 10 }}",
    "squares": "{% set x = 99999 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
    "block": "{% set x = 'aaaaaaaa' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
    "macro": "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set x = 'aaaaaaaa' %}"
    + "{% set x = m(x) %}" * 60,
    "replace": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x | replace('a', x) %}" * 9,
    "replace method": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x.replace('a', x) %}" * 9,
    "join": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x | join(x) %}" * 9,
    "join method": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x.join(x | list) %}" * 9,
    "width": "{{ 'a' | center(10000000000) }}",
    "width method": "{{ 'a'.ljust(10000000000) }}",
    "format": "{{ '%10000000000d' % 1 }}",
    "format method": "{{ '{:10000000000}'.format(1) }}",
    "indent": "{{ 'a\nb' | indent(10000000000) }}{% for i in range(99999) %}{{ 'a' * 99999 }}{% endfor %}",
    "list": "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 60,
    "nested list": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "nested json": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x | tojson }}",
    "nested text": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 60 + "{{ x | upper }}",
    "output": "{% for i in range(99999) %}{{ messages[0].content * 9999 }}{% endfor %}",
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "many texts": "{% set n = namespace(l=[]) %}"
    "{% for a in range(9999) %}{% set n.l = n.l + ['a' * 1000000] %}{% endfor %}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_defused(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(SparkError) as caught:
        ChatTemplate(BOMBS[name]).render(MESSAGES, None, {})
    assert caught.value.code in ("template_failed", "bad_template")
    assert time.monotonic() - started < 6
    assert "template" not in [thread.name for thread in threading.enumerate()], "it still computes"


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ (messages | attr('append'))({}) }}",
        "{{ messages.append({}) }}",
        "{{ messages.clear() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ self.__init__.__globals__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ 'x'.encode().hex() }}",
    ],
)
def test_there_is_no_way_out(source: str) -> None:
    messages = [dict(message) for message in MESSAGES]
    try:
        text = ChatTemplate(source).render(messages, None, {})
    except SparkError:
        text = ""
    assert "class" not in text
    assert "root:" not in text
    assert messages == MESSAGES


def test_a_rendering_does_not_spend_another_ones_allowance() -> None:
    template = ChatTemplate("{{ 'a' * 4000000 }}")
    for _ in range(70):
        assert len(template.render([], None, {})) == 4_000_000


def test_rendering_is_quick() -> None:
    template = ChatTemplate("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}")
    started = time.perf_counter()
    for _ in range(100):
        template.render(MESSAGES, None, {})
    assert (time.perf_counter() - started) / 100 < 0.01
