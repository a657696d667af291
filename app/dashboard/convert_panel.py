"""What a variant can become: the targets that are possible, what is missing for one, and the button that begins."""

from app.asking import Inquiry
from app.conversion_words import missing_words, target_words
from app.dashboard.context import Context
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.choice import Choice
from app.widgets.panel import Panel
from app.widgets.progress_row import ProgressRow
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.errors import SparkError
from spark_engine.types.components import Broken, ComponentEntry, Installing
from spark_engine.types.conversions import ConversionTarget
from spark_engine.types.state import EngineState

INTRO = "Makes another variant of it on this machine and compares both; the original stays."
NOTHING = "Spark converts SafeTensors and PyTorch weights, and GGUF files into smaller ones."


class ConvertPanel(Panel):
    """Asks the engine for the targets when it opens, and again when a component came or went."""

    def __init__(self, id: str, name: str, context: Context) -> None:
        super().__init__("Convert", f"Convert {name}")
        self.id, self._actions = id, context.actions
        self._targets: tuple[ConversionTarget, ...] = ()
        self._components: dict[str, ComponentEntry] = {}
        self.choice, self.words = Choice(f"What {name} becomes"), label(look="small", wrap=True)
        self.begin = Button("Convert", name=f"Convert {name}")
        self.install = Button("Install", "download-simple", name=f"Install what converting {name} needs")
        self.installing = ProgressRow(f"Cancel installing for {name}")
        self._asked = Inquiry(self)
        self._arrange()
        self._asked.answered.connect(self._show_targets)
        self._asked.refused.connect(self._show_refusal)
        self._asked.moved.connect(self._draw)
        self.choice.currentIndexChanged.connect(self._draw)
        self.begin.clicked.connect(self._begin)
        self.install.clicked.connect(self._install)
        self.installing.cancelled.connect(self._cancel_install)
        self._actions.busy_changed.connect(self._draw)

    def _arrange(self) -> None:
        line = row(self.choice, self.begin, self.install, None)
        line.setContentsMargins(0, 0, GRID, 0)
        for part in (label(INTRO, "small", wrap=True), self.words, self.installing):
            self.column.addWidget(part)
        self.column.insertLayout(2, line)
        for button in (self.begin, self.install):
            button.wear("inset")

    def open(self) -> None:
        """Show it, and find out what is possible now."""
        self.show()
        self._draw()
        self._ask()

    def show_state(self, state: EngineState) -> None:
        """Components came or went."""
        kinds = {id: type(c.status) for id, c in self._components.items()}
        self._components = state.components
        if not self.isHidden():
            if kinds != {id: type(c.status) for id, c in state.components.items()}:
                self._ask()
            self._draw()

    @property
    def target(self) -> ConversionTarget | None:
        """The one that is chosen."""
        at = self.choice.currentIndex()
        return self._targets[at] if 0 <= at < len(self._targets) else None

    @property
    def missing(self) -> list[ComponentEntry]:
        """The components that it needs and that are not installed."""
        wanted = self.target.missing if self.target else ()
        return [self._components[id] for id in wanted if id in self._components]

    def _ask(self) -> None:
        self._asked.ask(lambda: self._actions.client.targets(self.id), "targets")

    def _show_targets(self, targets: tuple[ConversionTarget, ...]) -> None:
        chosen = self.target.id if self.target else ""
        self._targets = tuple(targets)
        self.choice.blockSignals(True)
        self.choice.clear()
        self.choice.addItems([target_words(target) for target in targets])
        self.choice.setCurrentIndex(_first(self._targets, chosen))
        self.choice.blockSignals(False)
        self._draw()
        if not targets:
            show_text(self.words, NOTHING)
        elif chosen == "":
            self.choice.setFocus()

    def _show_refusal(self, error: SparkError) -> None:
        self._targets = ()
        self.choice.clear()
        self._draw()
        show_text(self.words, plain(f"{error.title}. {error.message} {error.remedy}"))

    def _draw(self) -> None:
        target, missing = self.target, self.missing
        installing = next((c for c in missing if isinstance(c.status, Installing)), None)
        self.choice.setVisible(bool(self._targets))
        possible = target is not None and not target.here and not target.obstacle
        self.begin.setVisible(target is not None and not missing)
        self.begin.setEnabled(possible and not self._actions.is_busy(f"convert:{self.id}"))
        self.install.setVisible(bool(missing) and installing is None)
        self.install.setEnabled(not any(self._actions.is_busy(f"install:{c.id}") for c in missing))
        self.installing.setVisible(installing is not None)
        if installing is not None and isinstance(installing.status, Installing):
            self.installing.show_progress(installing.status.fraction, installing.status.step)
        if missing:
            self.install.say(f"Install {missing[0].name}")
        show_text(self.words, self._words(target, missing))

    def _words(self, target: ConversionTarget | None, missing: list[ComponentEntry]) -> str:
        if target is None:
            return "Looking at what is possible." if self._asked.is_open else self.words.text()
        broken = next((c.status for c in missing if isinstance(c.status, Broken)), None)
        if broken is not None:
            return plain(f"{broken.title}. {broken.message} {broken.remedy}")
        here = "This variant is here already." if target.here else ""
        return plain(" ".join(part for part in (here, target.obstacle, missing_words(missing)) if part))

    def _begin(self) -> None:
        if self.target is not None:
            self._actions.convert(self.id, self.target.format, self.target.quantization)
            self.close_panel()

    def _install(self) -> None:
        if self.missing:
            self._actions.install(self.missing[0].id)

    def _cancel_install(self) -> None:
        for component in self.missing:
            if isinstance(component.status, Installing):
                self._actions.cancel_install(component.id)


def _first(targets: tuple[ConversionTarget, ...], chosen: str) -> int:
    """The place of the one that was chosen before; else of the first that could begin."""
    ids = [target.id for target in targets]
    if chosen in ids:
        return ids.index(chosen)
    return next((at for at, t in enumerate(targets) if not t.here and not t.obstacle), 0 if targets else -1)
