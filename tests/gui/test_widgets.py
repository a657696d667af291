"""The building blocks alone: values in, signals out."""

import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QTextDocument

from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.composer import Composer
from app.widgets.empty_state import EmptyState
from app.widgets.markdown import Code, Prose, segments
from app.widgets.message import Answer, Question
from app.widgets.meter import Meter
from app.widgets.progress_row import ProgressRow
from app.widgets.prose import ProseView
from app.widgets.text import ElidedLabel
from app.widgets.transcript import Transcript

LEFT = Qt.MouseButton.LeftButton


def test_prose_and_code_are_cut_apart() -> None:
    text = "Look:\n\n```python\nx = 1\n\ny = 2\n```\nDone."
    assert segments(text) == [Prose("Look:"), Code("x = 1\n\ny = 2", "python"), Prose("Done.")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("```\nhalf", [Code("half")]),
        ("~~~\n```\n~~~", [Code("```")]),
        ("````\n```\n````", [Code("```")]),
        ("use `x` here", [Prose("use `x` here")]),
        ("![a cat](http://far.away/cat.png)", [Prose("[picture: a cat]")]),
        ("![](file:///etc/passwd)", [Prose("[picture: file:///etc/passwd]")]),
    ],
)
def test_markdown_edges(text: str, wanted: list[object]) -> None:
    assert segments(text) == wanted


def test_answers_fetch_nothing_and_run_no_html(qtbot: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    view = ProseView("Answer")
    qtbot.addWidget(view)
    view.show_markdown(f"<img src='{secret.as_uri()}'> **bold** <b>raw</b>")
    assert view.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl(secret.as_uri())) is None
    assert "<b>raw</b>" in view.toPlainText()
    assert "**" not in view.toPlainText()


def test_a_link_is_told_not_opened(qtbot: Any) -> None:
    view = ProseView("Answer")
    qtbot.addWidget(view)
    view.show_markdown("[here](https://example.org/x)")
    view.resize(300, view.fit(300))
    view.show()
    with qtbot.waitSignal(view.link_chosen, timeout=1000) as chosen:
        qtbot.mouseClick(view.viewport(), LEFT, pos=QPoint(12, 12))
    assert chosen.args == ["https://example.org/x"]
    assert "[here]" not in view.toPlainText()


def test_growing_text_keeps_its_parts(qtbot: Any) -> None:
    answer = Answer()
    qtbot.addWidget(answer)
    answer.show_markdown("One.\n```sh\nls")
    first, code = answer._parts
    answer.show_markdown("One.\n```sh\nls -l\n```\nTwo.")
    assert answer._parts[:2] == [first, code]
    assert len(answer._parts) == 3
    with qtbot.waitSignal(answer.copied, timeout=500) as copied:
        qtbot.mouseClick(code.copy, LEFT)
    assert copied.args == ["ls -l"]
    assert answer.fit(500) > code.fit(500)


def test_a_part_that_turns_out_to_be_code_is_made_anew(qtbot: Any) -> None:
    answer = Answer()
    qtbot.addWidget(answer)
    answer.show_markdown("``")
    answer.show_markdown("```\nx\n```")
    assert [type(part).__name__ for part in answer._parts] == ["CodeBlock"]


def test_a_failed_answer_says_what_to_do_and_retries(qtbot: Any) -> None:
    answer = Answer()
    qtbot.addWidget(answer)
    answer.fail("It broke", "Because.", "Do this.")
    answer.fit(500)
    answer.show()
    button = next(b for b in answer.findChildren(Button) if b.accessibleName() == "Retry")
    with qtbot.waitSignal(answer.regenerate, timeout=500):
        qtbot.mouseClick(button, LEFT)
    answer.settle()
    assert button.isHidden()


def test_a_question_is_shown_as_typed(qtbot: Any) -> None:
    question = Question("# not a heading\n* not a list")
    qtbot.addWidget(question)
    assert question.findChild(ProseView).toPlainText() == "# not a heading\n* not a list"
    assert question.fit(600) < question.fit(90)


def test_enter_sends_shift_enter_does_not_and_the_text_stays(qtbot: Any) -> None:
    composer = Composer("Message", "Type")
    qtbot.addWidget(composer)
    composer.show()
    sent: list[str] = []
    composer.sent.connect(sent.append)
    qtbot.keyClicks(composer.field, "one")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.field, "two")
    low = composer.field.height()
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert sent == ["one\ntwo"]
    assert composer.text == "one\ntwo"
    composer.clear()
    assert composer.field.height() < low
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert sent == ["one\ntwo"]


def test_while_busy_there_is_stop_and_enter_keeps_the_text(qtbot: Any) -> None:
    composer = Composer("Message", "Type")
    qtbot.addWidget(composer)
    composer.show()
    composer.show_busy(True)
    qtbot.keyClicks(composer.field, "next")
    with qtbot.assertNotEmitted(composer.sent):
        qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    with qtbot.waitSignal(composer.stopped, timeout=500):
        qtbot.mouseClick(composer.stop, LEFT)
    assert composer.text == "next"


def test_only_text_is_pasted(qtbot: Any) -> None:
    composer = Composer("Message", "Type")
    qtbot.addWidget(composer)
    QGuiApplication.clipboard().setText("a\nb")
    composer.field.paste()
    assert composer.text == "a\nb"


def test_the_conversation_follows_its_end_until_somebody_scrolls_up(qtbot: Any) -> None:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(600, 300)
    transcript.show()
    answer = Answer()
    transcript.add(answer)
    bar = transcript.verticalScrollBar()
    answer.show_markdown("line\n\n" * 60)
    assert bar.value() == bar.maximum() > 0
    with qtbot.waitSignal(transcript.scrolled_away, timeout=500):
        bar.setValue(0)
    answer.show_markdown("line\n\n" * 90)
    assert bar.value() == 0
    transcript.go_to_end()
    assert bar.value() == bar.maximum()


def test_messages_never_overlap_whatever_the_width(qtbot: Any) -> None:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.show()
    for at in range(6):
        transcript.add(Question(f"Question {at} " * 12))
        transcript.add(Answer())
        transcript.messages[-1].show_markdown("Words and words.\n\n```\ncode\n```\n" * 3)  # type: ignore[union-attr]
    for width in (900, 420):
        transcript.resize(width, 400)
        transcript.refit()
        edges = [(m.geometry().top(), m.geometry().bottom()) for m in transcript.messages]
        assert all(above[1] < below[0] for above, below in zip(edges, edges[1:], strict=False))
        assert all(m.x() >= 0 and m.geometry().right() <= width for m in transcript.messages)


def test_a_long_conversation_stays_fast(qtbot: Any) -> None:
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.resize(800, 600)
    transcript.show()
    for at in range(150):
        transcript.add(Question(f"Question {at}"))
        answer = Answer()
        transcript.add(answer)
        answer.show_markdown("Some **words** and a list:\n\n1. one\n2. two\n\n```python\nprint(1)\n```\n")
    began = time.perf_counter()
    for length in range(20):
        answer.show_markdown("Some words. " * (50 + length))
    assert (time.perf_counter() - began) / 20 < 0.1


def test_small_ones_tell_their_state_to_screen_readers(qtbot: Any) -> None:
    chip, meter, progress = Chip("Ready", "ok", "disc"), Meter("Memory"), ProgressRow("Cancel installing")
    for widget in (chip, meter, progress):
        qtbot.addWidget(widget)
    chip.show_state("Busy", "info", "target")
    meter.show_shares(0.5, 0.9, "Half is ours")
    assert (chip.word, chip.accessibleName()) == ("Busy", "Busy")
    assert meter.shares == (0.5, 0.5)
    assert meter.accessibleDescription() == "Half is ours"
    progress.show_progress(0.42, "reading")
    progress.show()
    with qtbot.waitSignal(progress.cancelled, timeout=500):
        qtbot.mouseClick(progress.findChild(Button), LEFT)


@pytest.mark.parametrize("shape", ["disc", "ring", "half", "target", "triangle", "cross", "dash", "check"])
def test_every_shape_draws_something_of_its_own(qtbot: Any, shape: Any) -> None:
    chip, other = Chip("", "ok", shape), Chip("", "ok", "ring" if shape != "ring" else "disc")
    for widget in (chip, other):
        qtbot.addWidget(widget)
    assert chip.grab().toImage() != other.grab().toImage()


def test_long_words_end_in_dots_and_stay_in_the_tooltip(qtbot: Any) -> None:
    text = ElidedLabel("A very long name of a model that does not fit")
    qtbot.addWidget(text)
    text.show()
    text.resize(80, 20)
    assert text.text().endswith("…")
    assert text.toolTip() == text.accessibleName() == "A very long name of a model that does not fit"


def test_the_empty_state_has_one_action_or_none(qtbot: Any) -> None:
    empty = EmptyState()
    qtbot.addWidget(empty)
    empty.show()
    empty.show_words("cube", "Nothing yet", "Do this", "Rescan")
    with qtbot.waitSignal(empty.acted, timeout=500):
        qtbot.mouseClick(empty.button, LEFT)
    empty.show_words("cube", "Nothing yet", "Wait")
    assert empty.button.isHidden()
