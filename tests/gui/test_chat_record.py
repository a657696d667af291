"""Conversations as data: versions and paths, titles, what is kept of them on disk, searching, exporting, parameters."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from app.chats.export import as_json, as_markdown, file_name
from app.chats.record import BROKEN_OFF, recorded, restored
from app.chats.setup import PARAMETERS, Parameters, Setup
from app.chats.shelf import Shelf
from app.chats.spoken import spoken
from app.chats.talk import Talk, Turn, first_words
from spark_engine.api.openai.schema import ChatCompletionRequest
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import SamplingOptions
from tests.gui.chatting import END


def answered(turn: Turn, text: str) -> Turn:
    turn.pieces, turn.progress, turn.finished = [text], "done", END
    return turn


def forked() -> Talk:
    """One, Two; then One asked otherwise, which is shown, with one turn after it."""
    talk = Talk(Setup("Be brief", Parameters(top_p=0.5)), "spark-nano")
    first = answered(talk.ask("One"), "1")
    answered(talk.ask("Two"), "2")
    answered(talk.revise(first, "One, otherwise"), "1b")
    answered(talk.ask("Two after that"), "2b")
    return talk


def said(talk: Talk) -> list[tuple[str, str]]:
    return [(turn.question, turn.answer) for turn in talk.path]


def test_versions_lead_to_what_followed_each() -> None:
    talk = forked()
    assert said(talk) == [("One, otherwise", "1b"), ("Two after that", "2b")]
    assert talk.path[0].versions == (2, 2)
    talk.show_version(talk.path[0], -1)
    assert said(talk) == [("One", "1"), ("Two", "2")]
    assert talk.show_version(talk.path[0], -1) is talk.path[0]


def test_a_conversation_is_the_same_after_its_file_was_read(tmp_path: Path) -> None:
    shelf, talk = Shelf(tmp_path / "chats"), forked()
    talk.draft, talk.title = "unsent", "My title"
    talk.edit(talk.path[0])
    shelf.write(recorded(talk))
    record = shelf.read(talk.id)
    assert record is not None
    again = restored(record)
    assert recorded(again) == recorded(talk) == record
    assert said(again) == said(talk)
    again.show_version(again.path[0], -1)
    assert said(again) == [("One", "1"), ("Two", "2")]
    again.end_edit()
    assert again.draft == "unsent"
    assert [(c.id, c.name) for c in shelf.cards()] == [(talk.id, "My title")]
    assert (tmp_path / "chats" / f"{talk.id}.json").stat().st_mode & 0o077 == 0


def test_an_answer_that_was_being_written_has_broken_off() -> None:
    talk = Talk()
    talk.ask("Why?").pieces = ["Because"]
    turn = restored(recorded(talk)).path[0]
    assert (turn.answer, turn.progress, turn.trouble) == ("Because", "failed", BROKEN_OFF)


def test_hostile_files_are_not_conversations(tmp_path: Path, expect_log: Any) -> None:
    expect_log("broken.json is ignored")
    expect_log("wrong.json is ignored")
    shelf, talk = Shelf(tmp_path), forked()
    shelf.write(recorded(talk))
    whole = json.loads((tmp_path / f"{talk.id}.json").read_bytes())
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "Other.json").write_text("{}")
    (tmp_path / "wrong.json").write_text('{"id": "wrong", "name": 3}')
    whole["turns"] = [{"question": "?", "follows": 5, "progress": "done"}] * 2
    whole["editing"] = 99
    whole["id"] = "../../outside"
    (tmp_path / "odd.json").write_text(json.dumps(whole))
    assert {c.id for c in shelf.cards()} == {talk.id, "odd"}
    odd = shelf.read("odd")
    assert odd is not None and len(restored(odd).start.versions) == 2
    with pytest.raises(ValueError, match="outside"):
        shelf.read("../outside")


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.chats.shelf.MOST", 3)
    shelf = Shelf(tmp_path)
    for age in range(5):
        talk = Talk()
        talk.ask(f"Number {age}")
        talk.changed = 1000.0 - age
        shelf.write(recorded(talk))
    assert [c.name for c in shelf.cards()] == ["Number 0", "Number 1", "Number 2"]
    assert len(list(tmp_path.iterdir())) == 3


def test_search_finds_all_words_wherever_they_stand(tmp_path: Path) -> None:
    shelf, talk = Shelf(tmp_path), forked()
    answered(talk.ask("More"), "It grows in the Ätna region, " + "far away " * 30 + "with olives.")
    shelf.write(recorded(talk))
    found = shelf.search("ÄTNA olives")
    assert list(found) == [talk.id]
    assert "Ätna region" in found[talk.id] and len(found[talk.id]) < 120
    assert shelf.search("olives vinegar") == {}
    assert shelf.search("  ") == {}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("\n\n  Two   words \nmore", "Two words"),
        ("a" * 60, "a" * 48 + "…"),
        (
            "How do I bake bread without yeast, and which flour is best?",
            "How do I bake bread without yeast, and which…",
        ),
        ("", ""),
    ],
)
def test_a_title_is_the_first_words(text: str, title: str) -> None:
    assert first_words(text) == title


def test_the_model_is_told_what_is_shown_and_fits() -> None:
    talk = forked()
    last = talk.path[-1]
    assert spoken(talk, last) == [
        ChatMessage("system", "Be brief"),
        ChatMessage("user", "One, otherwise"),
        ChatMessage("assistant", "1b"),
        ChatMessage("user", "Two after that"),
    ]
    assert [m.content for m in spoken(talk, last, most=16)] == ["Be brief", "Two after that"]


def test_exported_markdown_and_json_hold_what_is_shown() -> None:
    talk = forked()
    text = as_markdown(talk)
    assert text.startswith("# One, otherwise\n")
    assert "## System\n\nBe brief" in text and "## spark-nano\n\n2b" in text and "Two\n" not in text
    whole = json.loads(as_json(talk))
    assert [m["role"] for m in whole["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert whole["messages"][2]["timings"]["tokens_per_second"] == 31.7
    assert whole["parameters"] == {"top_p": 0.5}
    talk.title = 'a/b: "c"?'
    assert file_name(talk, "md") == "a b c.md"


def test_parameters_have_the_ranges_of_the_api() -> None:
    assert {p.key for p in PARAMETERS} == set(Parameters.__struct_fields__)
    for known in PARAMETERS:
        field = ChatCompletionRequest.model_fields[known.key]
        assert known.whole is (int in get_args(field.annotation)), known.key
        for value in (known.low, known.high):
            kept = int(value) if known.whole else value
            asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], known.key: kept}
            ChatCompletionRequest.model_validate(asked)


@pytest.mark.parametrize("text", ["nan", "inf", "2.1", "-1", "much"])
def test_what_is_no_temperature_is_refused_in_words(text: str) -> None:
    known = PARAMETERS[0]
    with pytest.raises(ValueError, match="a number from 0 to 2"):
        known.read(text)


def test_defaults_are_those_of_the_model() -> None:
    told = {p.key: p.default(SamplingOptions(temperature=0.6, top_k=20)) for p in PARAMETERS}
    assert (told["temperature"], told["top_k"], told["seed"], told["max_tokens"]) == (
        "0.6",
        "20",
        "random",
        "no limit",
    )
    assert PARAMETERS[0].read(" 0,5 ") == 0.5
    assert PARAMETERS[0].read("") is None
