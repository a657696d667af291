"""One line for a model that has no card yet: its name on Hugging Face, and a button that fetches it."""

import re

from app.actions import Actions
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.field import Field
from app.widgets.text import label, show_text

_SITE = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?", re.IGNORECASE)
_NAME = re.compile(r"^\w[\w.-]*/\w[\w.-]*(?::\w[\w.-]*)?$", re.ASCII)
HINT = "Write it as it stands there: organisation/name, and :variant to choose one."


class AddModel(Card):
    """Takes `org/name`, `org/name:variant` or the address of the model's page."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions, self._asked = actions, ""
        self.field = Field("Model on Hugging Face", "organisation/name or organisation/name:variant")
        self.button = Button("Download", "download-simple", name="Download the model from Hugging Face")
        self._hint = label(look="small", wrap=True)
        line = row(label("Add a model from Hugging Face"), self.field, self.button)
        self.column.addLayout(line)
        self.column.addWidget(self._hint)
        self.field.textChanged.connect(self._draw)
        self.field.returnPressed.connect(self._act)
        self.button.clicked.connect(self._act)
        actions.busy_changed.connect(self._draw)
        actions.done.connect(self._done)
        self._draw()

    def _act(self) -> None:
        name = repository_name(self.field.text())
        show_text(self._hint, "" if name else HINT)
        if name and not self._actions.is_busy(f"download:{name}"):
            self._asked = name
            self._actions.download(name)

    def _draw(self) -> None:
        name = repository_name(self.field.text())
        busy = bool(name) and self._actions.is_busy(f"download:{name}")
        self.button.setEnabled(bool(name) and not busy)
        asking = f"Asking Hugging Face for {name}." if busy else ""
        show_text(self._hint, asking or (self._hint.text() if self._hint.text() == HINT and not name else ""))

    def _done(self, key: str) -> None:
        """It is on its way: the field is free for the next one."""
        if key == f"download:{self._asked}" and repository_name(self.field.text()) == self._asked:
            self.field.clear()


def repository_name(text: str) -> str:
    """What `text` names, as `org/name[:variant]`; empty when it names nothing."""
    name = _SITE.sub("", text.strip())
    if name != text.strip():
        name = "/".join(name.split("?")[0].split("#")[0].split("/")[:2])
    return name if _NAME.match(name) else ""
