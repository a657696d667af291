"""The building blocks alone: values in, signals out."""

import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QTextCursor, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit

from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.code_block import CodeBlock
from app.widgets.composer import Composer
from app.widgets.empty_state import EmptyState
from app.widgets.markdown import Code, Prose, segments
from app.widgets.message import Answer, Question
from app.widgets.meter import Meter
from app.widgets.progress_row import ProgressRow
from app.widgets.prose import ProseView
from app.widgets.text import ElidedLabel
from app.widgets.transcript import Entry, Transcript

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


def test_long_prose_is_cut_where_it_means_the_same_apart() -> None:
    paragraphs = ["Words of a paragraph. " * 40 + f"({at})" for at in range(4)]
    assert len(segments("\n\n".join(paragraphs))) == 2
    items = [f"{at}. An item\n\n   with a second paragraph\n   - and a list" for at in range(1, 60)]
    listed = segments("\n".join(items) + "\n\nAfter it.")
    assert [s.goes_on for s in listed if isinstance(s, Prose)] == [False, *[True] * (len(listed) - 1)]
    assert all(isinstance(s, Prose) and s.text[0].isdigit() for s in listed)
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 400
    assert len(segments(table)) == 1
    whole = "\n\n".join(paragraphs)
    assert "\n\n".join(s.text for s in segments(whole)) == whole


def test_a_growing_list_is_drawn_again_from_its_last_piece_on(qtbot: Any) -> None:
    answer = Answer()
    qtbot.addWidget(answer)
    text, longest = "- *some* `words` and more\n" * 400, 0.0
    for end in range(0, len(text), 499):
        began = time.perf_counter()
        answer.show_markdown(text[:end])
        answer.fit(600)
        longest = max(longest, time.perf_counter() - began)
    assert longest < 0.1
    assert len(answer.findChildren(ProseView)) > 5


def test_the_last_line_of_wide_code_stands_above_its_scroll_bar(qtbot: Any) -> None:
    block = CodeBlock()
    qtbot.addWidget(block)
    block.show_code("short\n" * 4 + "wide " * 60 + "\nlast", "")
    block.resize(400, block.fit(400))
    block.show()
    text = block.findChild(QPlainTextEdit)
    qtbot.waitUntil(lambda: text.horizontalScrollBar().isVisible(), timeout=1000)
    last = text.document().lastBlock()
    assert text.cursorRect(QTextCursor(last)).bottom() <= text.viewport().height()


def coloured(block: CodeBlock, line: int) -> list[str]:
    """The coloured parts of a line of code."""
    shown = block.findChild(QPlainTextEdit).document().findBlockByNumber(line)
    return [shown.text()[r.start : r.start + r.length] for r in shown.layout().formats()]


def test_code_is_coloured_by_its_language_while_it_grows(qtbot: Any) -> None:
    block = CodeBlock()
    qtbot.addWidget(block)
    code = 'def f(x):\n    """Two\n    lines."""\n    return "a#b"  # why'
    for end in range(0, len(code) + 1, 7):
        block.show_code(code[:end], "python")
    block.show_code(code, "python")
    assert [coloured(block, line) for line in range(4)] == [
        ["def"],
        ['"""Two'],
        ['    lines."""'],
        ["return", '"a#b"', "# why"],
    ]
    block.show_code("x = a // b; // c /* d", "python")
    assert coloured(block, 0) == []
    block.show_code("int a; // c\n/* d\ne */ return", "cpp")
    assert [coloured(block, line) for line in range(3)] == [["int", "// c"], ["/* d"], ["e */", "return"]]


def test_a_question_is_shown_as_typed(qtbot: Any) -> None:
    question = Question("# not a heading\n* not a list")
    qtbot.addWidget(question)
    assert question.findChild(ProseView).toPlainText() == "# not a heading\n* not a list"
    assert question.fit(600) < question.fit(90)
    assert question.versions.isHidden()


def test_a_question_with_versions_leads_to_the_others(qtbot: Any) -> None:
    question = Question("Why?", 2, 2)
    qtbot.addWidget(question)
    question.fit(600)
    question.resize(620, 120)
    question.show()
    assert question.versions.text() == "2 of 2"
    assert not question.after.isEnabled()
    with qtbot.waitSignal(question.turned, timeout=500) as turned:
        qtbot.mouseClick(question.before, LEFT)
    assert turned.args == [-1]
    with qtbot.waitSignal(question.edited, timeout=500):
        qtbot.mouseClick(question.edit, LEFT)


def test_while_editing_esc_is_the_fields_and_gives_it_up(qtbot: Any) -> None:
    composer = Composer("Message", "Type")
    qtbot.addWidget(composer)
    composer.show()
    composer.show_editing(True)
    assert composer.keep.isVisible()
    with qtbot.waitSignal(composer.kept, timeout=500):
        qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    composer.show_editing(False)
    with qtbot.assertNotEmitted(composer.kept):
        qtbot.keyClick(composer.field, Qt.Key.Key_Escape)


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


class Talk:
    """A transcript of messages with these texts: questions and answers by turns, made when they are wanted."""

    def __init__(self, qtbot: Any, *texts: str) -> None:
        self.texts, self.made = dict(enumerate(texts)), 0
        self.transcript = Transcript(self.make)
        qtbot.addWidget(self.transcript)
        self.transcript.resize(800, 600)
        self.transcript.show()
        self.show()

    def make(self, key: int) -> Question | Answer:
        self.made += 1
        if key % 2:
            return Question(self.texts[key])
        answer = Answer()
        answer.show_markdown(self.texts[key])
        answer.finish("1 tok/s", can_repeat=False)
        return answer

    def show(self, *, to_end: bool = True) -> None:
        entries = [Entry(key, len(text)) for key, text in self.texts.items()]
        self.transcript.show_entries(entries, to_end=to_end)


def test_the_conversation_follows_its_end_until_somebody_scrolls_up(qtbot: Any) -> None:
    talk = Talk(qtbot, "short")
    transcript, answer = talk.transcript, talk.transcript.messages[0]
    assert isinstance(answer, Answer)
    bar = transcript.verticalScrollBar()
    answer.show_markdown("line\n\n" * 60)
    assert bar.value() == bar.maximum() > 0
    with qtbot.waitSignal(transcript.scrolled_away, timeout=500):
        bar.setValue(0)
    answer.show_markdown("line\n\n" * 90)
    assert bar.value() == 0
    transcript.go_to_end()
    assert bar.value() == bar.maximum()


MIXED = "Words and words.\n\n```\ncode\n```\n" * 3


def test_messages_never_overlap_whatever_the_width(qtbot: Any) -> None:
    transcript = Talk(qtbot, *(f"Question {at} " * 12 if at % 2 else MIXED for at in range(12))).transcript
    for width in (900, 420):
        transcript.resize(width, 400)
        transcript.refit()
        qtbot.wait(20)
        texts = [part for m in transcript.messages for part in m.findChildren(ProseView)]
        edges = sorted((t.mapTo(transcript, t.rect().topLeft()).y(), t.height()) for t in texts)
        assert all(top + high <= low for (top, high), (low, _) in zip(edges, edges[1:], strict=False))
        assert all(m.x() >= 0 and m.geometry().right() <= width for m in transcript.messages)


LISTED = "Some **words** and a list:\n\n1. one\n2. two\n\n```python\nprint(1)\n```\n"


def test_of_a_long_conversation_only_what_is_in_sight_is_made(qtbot: Any) -> None:
    """200 turns: only what is in sight is made, at first, while one scrolls and while an answer grows."""
    talk = Talk(qtbot, *(f"Question {at}" if at % 2 else LISTED for at in range(401)))
    transcript = talk.transcript
    assert len(transcript.messages) < 20
    for place in (0.0, 0.5, 0.2, 1.0):
        bar = transcript.verticalScrollBar()
        bar.setValue(round(bar.maximum() * place))
        qtbot.wait(20)
    assert talk.made < 150
    assert len(transcript.messages) < 60
    answer = transcript.message(400)
    assert isinstance(answer, Answer)
    made = talk.made
    for length in range(20):
        answer.show_markdown("Some words. " * (50 + length))
    assert talk.made == made, "an answer that grows makes no other message"


def test_what_is_in_sight_stays_where_it_is_while_guesses_become_heights(qtbot: Any) -> None:
    talk = Talk(qtbot, *("Question" if at % 2 else LISTED * (1 + at % 5) for at in range(101)))
    transcript, bar = talk.transcript, talk.transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    qtbot.wait(20)
    for _ in range(30):
        seen = [m for m in transcript.messages if m.visibleRegion().boundingRect().height() > 60]
        before = seen[0].mapTo(transcript, seen[0].rect().topLeft()).y()
        moved = min(90, bar.value())
        bar.setValue(bar.value() - moved)
        qtbot.wait(5)
        assert seen[0].mapTo(transcript, seen[0].rect().topLeft()).y() == before + moved


def test_another_width_keeps_what_is_in_sight(qtbot: Any) -> None:
    talk = Talk(qtbot, *("Question" if at % 2 else MIXED * (1 + at % 5) for at in range(101)))
    transcript, bar = talk.transcript, talk.transcript.verticalScrollBar()
    qtbot.wait(60)
    bar.setValue(bar.maximum() // 2)
    qtbot.wait(20)
    seen = next(m for m in transcript.messages if m.mapTo(transcript, m.rect().bottomLeft()).y() > 0)
    before = seen.mapTo(transcript, seen.rect().topLeft()).y()
    transcript.resize(500, 600)
    qtbot.wait(80)
    assert seen.mapTo(transcript, seen.rect().topLeft()).y() == before


def test_messages_that_stay_are_kept_and_the_others_go(qtbot: Any) -> None:
    talk = Talk(qtbot, "One", "Two", "Three")
    first, last = talk.transcript.messages[0], talk.transcript.messages[-1]
    del talk.texts[2]
    talk.show(to_end=False)
    assert talk.transcript.messages[0] is first
    assert last not in talk.transcript.messages
    assert last.isHidden()
    talk.transcript.renew(0)
    assert talk.transcript.messages[0] is not first


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
