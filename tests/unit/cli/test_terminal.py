"""stdout for answers, stderr for trouble; with --json nothing but JSON on stdout."""

import json

import pytest

from spark_engine.cli.terminal import Terminal, facts, table
from spark_engine.errors import NotFound

ERROR = NotFound("model_not_found", "No such model", "It is not [here].", "Look elsewhere.", param="model")


def test_an_error_is_told_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().refuse(ERROR)
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.strip() for line in said.err.splitlines()] == [
        "✖ No such model",
        "It is not [here].",
        "Look elsewhere.",
    ]


def test_with_json_a_program_can_read_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(json=True).refuse(ERROR)
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert (error["code"], error["param"], error["remedy"]) == ("model_not_found", "model", "Look elsewhere.")
    assert "No such model" in said.err


def test_with_json_people_are_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(json=True)
    terminal.say("words")
    terminal.note("more words")
    with terminal.waiting("for something"):
        terminal.tell({"a": 1})
    said = capsys.readouterr()
    assert (said.out, said.err) == ('{"a":1}\n', "")


def test_tables_are_whole_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table("Name", "Text")
    rows.add_row("a", "word " * 30)
    Terminal().say(rows)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_markup_in_names_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().say(facts(("Name", "[red]x[/red]\x1b[2J"), ("Empty", "")))
    out = capsys.readouterr().out
    assert "[red]x[/red][2J" in out
    assert "Empty" not in out
