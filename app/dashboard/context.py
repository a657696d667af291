"""What every page is given: the state, the intents, the notices, and the way to other pages."""

from collections.abc import Callable
from dataclasses import dataclass

from app.actions import Actions
from app.conversation import Conversation
from app.notices import NoticeBoard
from app.store import Store
from spark_engine.paths import BaseDir


@dataclass(frozen=True)
class Context:
    """`go` shows the page with this id."""

    base: BaseDir
    store: Store
    actions: Actions
    board: NoticeBoard
    conversation: Conversation
    go: Callable[[str], None]
