"""The load options as a table of fields: one's own, what holds now, and what the settings say."""

from msgspec import Struct
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from app.option_words import OPTIONS, OptionEntry, Value, option_words, read_number
from app.tokens import GRID
from app.widgets.choice import Choice
from app.widgets.field import Field
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.types.options import LoadOptions, OptionsReport

FIELD_WIDTH = 132
_CHOICES: tuple[tuple[str, Value], ...] = (("not set", None), ("yes", True), ("no", False))


class _Line(Struct):
    entry: OptionEntry
    field: Field | Choice
    effective: QLabel
    default: QLabel
    trouble: QLabel


class OptionsTable(QWidget):
    """`changed` when somebody types or chooses."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, GRID, 0)
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(GRID // 2)
        for column, words in enumerate(("", "Yours", "Holds now", "From the settings")):
            self._grid.addWidget(label(words, "small"), 0, column)
        self.lines = {entry.field: self._line(at, entry, name) for at, entry in enumerate(OPTIONS)}
        for column, share in ((0, 1), (2, 1), (3, 1)):
            self._grid.setColumnStretch(column, share)

    def _line(self, at: int, entry: OptionEntry, name: str) -> _Line:
        spoken = f"{entry.word}, {entry.unit}: {name}" if entry.unit else f"{entry.word}: {name}"
        field = self._choice(spoken) if entry.is_choice else Field(spoken, width=FIELD_WIDTH)
        if isinstance(field, Field):
            field.textChanged.connect(self.changed)
        line = _Line(entry, field, label(look="quiet"), label(look="quiet"), label(look="bad", wrap=True))
        for column, part in enumerate((_named(entry), field, line.effective, line.default)):
            self._grid.addWidget(part, 2 * at + 1, column, Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(line.trouble, 2 * at + 2, 1, 1, 3)
        line.trouble.hide()
        return line

    def _choice(self, spoken: str) -> Choice:
        made = Choice(spoken)
        made.setFixedWidth(FIELD_WIDTH)
        for words, value in _CHOICES:
            made.addItem(words, value)
        made.currentIndexChanged.connect(self.changed)
        return made

    def show_report(self, report: OptionsReport) -> None:
        """Show the three layers; what was typed makes way for what is saved."""
        self.blockSignals(True)
        for name, line in self.lines.items():
            saved = getattr(report.saved, name)
            if isinstance(line.field, Choice):
                line.field.setCurrentIndex([value for _, value in _CHOICES].index(saved))
            else:
                line.field.setText("" if saved is None else str(saved))
                line.field.setPlaceholderText(str(getattr(report.effective, name)))
            line.effective.setText(option_words(name, getattr(report.effective, name)))
            line.default.setText(option_words(name, getattr(report.default, name)))
            show_text(line.trouble, "")
        self.blockSignals(False)
        self.changed.emit()

    def read(self) -> LoadOptions | None:
        """What was chosen; None where something is no number, which is said below its field."""
        values: dict[str, Value] = {}
        sound = True
        for name, line in self.lines.items():
            trouble = ""
            try:
                values[name] = self._value(line)
            except ValueError as error:
                trouble, sound = str(error), False
            show_text(line.trouble, trouble)
        return LoadOptions(**values) if sound else None  # type: ignore[arg-type]

    def read_quietly(self) -> LoadOptions | None:
        """As `read`, without saying anything."""
        try:
            return LoadOptions(**{name: self._value(line) for name, line in self.lines.items()})  # type: ignore[arg-type]
        except ValueError:
            return None

    @property
    def is_in_trouble(self) -> bool:
        """Whether something is said below a field."""
        return any(not line.trouble.isHidden() for line in self.lines.values())

    def show_trouble(self, name: str, words: str) -> bool:
        """Say what is wrong below the field of this option, by the option's own word; whether there is one."""
        line = self.lines.get(name)
        if line is not None:
            show_text(line.trouble, plain(words).replace(name, line.entry.word, 1))
        return line is not None

    def _value(self, line: _Line) -> Value:
        if isinstance(line.field, Choice):
            chosen: Value = line.field.currentData()
            return chosen
        return read_number(line.field.text())


def _named(entry: OptionEntry) -> QWidget:
    """Its word, and below it what its numbers mean."""
    named = QWidget()
    column = QVBoxLayout(named)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(label(entry.word))
    column.addWidget(label(entry.unit, "small"))
    return named
