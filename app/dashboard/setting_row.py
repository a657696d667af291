"""One setting: its name and sentence, a field for its value, where that comes from, and what is wrong with it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.setting_words import ON_OFF, effect_words, origin_words, read
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.chip import Chip, Shape
from app.widgets.choice import Choice
from app.widgets.field import Field
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.types.settings import SettingEntry, SettingValue

FIELD_WIDTH, UNIT_WIDTH, RESET_WIDTH = 200, 48, 40
BEHIND_FIELD = UNIT_WIDTH + RESET_WIDTH + 2 * GRID
"""Room that stays free behind a field without a unit, so that all fields stand below each other."""
_MARKS: dict[str, tuple[str, Shape]] = {
    "default": ("quiet", "ring"),
    "spark.toml": ("info", "disc"),
    "environment": ("warn", "dash"),
    "argument": ("warn", "dash"),
}


def choice_line(name: str, sentence: str, field: Choice) -> QGridLayout:
    """A choice of the app's own with its name and sentence, in line with the engine's settings."""
    field.setAccessibleDescription(sentence)
    field.setFixedWidth(FIELD_WIDTH)
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, BEHIND_FIELD, 0)
    grid.setHorizontalSpacing(GRID)
    grid.setVerticalSpacing(2)
    grid.addWidget(label(name), 0, 0)
    grid.addWidget(label(sentence, "small", wrap=True), 1, 0)
    grid.addWidget(field, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
    grid.setColumnStretch(0, 1)
    return grid


class SettingRow(QWidget):
    """`changed` when somebody types or chooses. It holds what is wanted until it is saved or taken back."""

    changed = Signal()

    def __init__(self, entry: SettingEntry) -> None:
        super().__init__()
        self.entry = entry
        known = entry.setting
        self.field = self._field()
        self.reset = Button("", "arrow-counter-clockwise", "plain", name=f"Back to the default: {known.name}")
        self.chip = Chip(bare=True, small=True)
        self.sentence, self.unit = (
            label(plain(known.sentence), "small", wrap=True),
            label(known.unit, "small"),
        )
        self.effect, self.trouble = label(look="small", wrap=True), label(look="bad", wrap=True)
        self._to_default = False
        self._arrange()
        self.reset.clicked.connect(self._back_to_default)
        self.take_back()
        self.show_entry(entry)

    def _field(self) -> Field | Choice:
        known = self.entry.setting
        if not known.choices and not isinstance(known.default, bool):
            field = Field(f"{known.name}, {known.unit}" if known.unit else known.name, width=FIELD_WIDTH)
            field.setAccessibleDescription(plain(known.sentence))
            field.textEdited.connect(self._edited)
            return field
        choice = Choice(known.name)
        choice.setAccessibleDescription(plain(known.sentence))
        choice.setFixedWidth(FIELD_WIDTH)
        for word, value in (
            ON_OFF if isinstance(known.default, bool) else zip(known.choices, known.choices, strict=True)
        ):
            choice.addItem(str(word), value)
        choice.activated.connect(self._edited)
        return choice

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(2)
        name = row(label(self.entry.setting.name), self.chip, None, spacing=GRID + 4)
        grid.addLayout(name, 0, 0)
        grid.addWidget(self.sentence, 1, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.effect, 2, 0)
        grid.addWidget(self.trouble, 3, 0, 1, 4)
        self.unit.setFixedWidth(UNIT_WIDTH)
        self.reset.setFixedWidth(RESET_WIDTH)
        for column, part in enumerate((self.field, self.unit, self.reset)):
            grid.addWidget(part, 0, column + 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        grid.setColumnStretch(0, 1)

    # --- what the engine says ------------------------------------------------------------------------------

    def show_entry(self, entry: SettingEntry) -> None:
        """Show what holds; what was typed here and is not saved stays."""
        keep = self.is_changed
        self.entry = entry
        if not keep:
            self.take_back()
        word, told = origin_words(entry)
        self.chip.show_state(word, *_MARKS[word])
        self.chip.tell(told)
        show_text(self.effect, told if entry.is_locked else effect_words(entry))
        self.field.setEnabled(not entry.is_locked)
        self._show_reset()

    def show_trouble(self, words: str) -> None:
        """Say what is wrong."""
        show_text(self.trouble, plain(words))
        if isinstance(self.field, Field) and bool(self.field.property("wrong")) is not bool(words):
            self.field.setProperty("wrong", bool(words))
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)

    # --- what people want ----------------------------------------------------------------------------------

    @property
    def raw(self) -> SettingValue:
        """What stands in the field."""
        if isinstance(self.field, Choice):
            chosen: SettingValue = self.field.currentData()
            return chosen
        return self.field.text()

    @property
    def is_wrong(self) -> bool:
        """Whether what is typed cannot be saved."""
        return not self.trouble.isHidden()

    @property
    def is_changed(self) -> bool:
        """Whether something else is wanted than what is saved."""
        if self._to_default:
            return True
        try:
            return read(self.entry.setting, self.raw) != self._current
        except ValueError:
            return True

    @property
    def change(self) -> SettingValue | None:
        """What to save; None: the default again. ValueError when it is not what it has to be."""
        return None if self._to_default else read(self.entry.setting, self.raw)

    def take_back(self) -> None:
        """Show what is saved, or what holds where the file has no say."""
        self._to_default = False
        self._put(self._current)
        self.show_trouble("")
        self._show_reset()

    @property
    def _current(self) -> SettingValue:
        return self.entry.value if self.entry.is_locked else self.entry.wanted

    def _put(self, value: SettingValue) -> None:
        if isinstance(self.field, Choice):
            self.field.setCurrentIndex(self.field.findData(value))
        else:
            self.field.setText(str(value))
            self.field.setCursorPosition(0)

    def _edited(self) -> None:
        self._to_default = False
        try:
            read(self.entry.setting, self.raw)
            self.show_trouble("")
        except ValueError as error:
            self.show_trouble(str(error))
        self._show_reset()
        self.changed.emit()

    def _back_to_default(self) -> None:
        """Where the file says something that line goes; else only what was typed."""
        self._put(self.entry.setting.default)
        self._to_default = self.entry.saved is not None
        self.show_trouble("")
        self._show_reset()
        self.field.setFocus()
        self.changed.emit()

    def _show_reset(self) -> None:
        """There is something to go back from."""
        own = (self.entry.saved is not None and not self._to_default) or (
            self.is_changed and not self._to_default
        )
        self.reset.setVisible(own and not self.entry.is_locked)
