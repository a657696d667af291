"""The rows of the Health page: a part of Spark, and a program of its ecosystem."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.health_words import PARTS, Mark, member_mark, member_words, usage_words
from app.tokens import GRID
from app.widgets.chip import Chip
from app.widgets.text import ElidedLabel, label
from app.words import breakable
from spark_engine.types.ecosystem import EcosystemMember
from spark_engine.types.health import PartHealth

CHIP_WIDTH, NAME_WIDTH = 116, 216


class HealthRow(QWidget):
    """A state, a name, and one or two lines of facts."""

    def __init__(self) -> None:
        super().__init__()
        self.chip, self.name = Chip(bare=True), ElidedLabel()
        self.facts, self.more = label(look="quiet", wrap=True), label(look="small", wrap=True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 2, 0, 2)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(0)
        for column, part in enumerate((self.chip, self.name, self.facts)):
            grid.addWidget(
                part, 0, column, Qt.AlignmentFlag.AlignVCenter if not column else Qt.AlignmentFlag(0)
            )
        grid.addWidget(self.more, 1, 2)
        grid.setColumnMinimumWidth(0, CHIP_WIDTH)
        grid.setColumnMinimumWidth(1, NAME_WIDTH)
        grid.setColumnStretch(2, 1)
        self.more.hide()

    def show_part(self, part: PartHealth) -> None:
        """Show a part of Spark."""
        self._show(PARTS[part.state], part.name, part.facts, "")

    def show_member(self, member: EcosystemMember) -> None:
        """Show a program of the ecosystem."""
        where = " · ".join(words for words in (member.address, member_words(member)) if words)
        usage = usage_words(member.usage)
        self._show(member_mark(member), member.name, where, f"asked of Spark: {usage}" if usage else "")

    def _show(self, mark: Mark, name: str, facts: str, more: str) -> None:
        self.chip.show_state(mark.word, mark.tone, mark.shape)
        self.name.show_whole(name)
        self.facts.setText(breakable(facts))
        if self.more.text() != more:
            self.more.setText(more)
        self.more.setVisible(bool(more))
        self.setAccessibleName(f"{name}: {mark.word}")
        self.setAccessibleDescription(" ".join(part for part in (facts, more) if part))
