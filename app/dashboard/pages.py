"""The one list of pages: what stands in the rail, in order, each with its file."""

from collections.abc import Callable
from importlib import import_module

from msgspec import Struct

from app.dashboard.context import Context
from app.dashboard.page import Page


class PageEntry(Struct, frozen=True):
    """One page: its id for links, its word and icon in the rail. `<id>_page.py` has it, as `<Id>Page`."""

    id: str
    word: str
    glyph: str

    def load(self) -> Callable[[Context], Page]:
        """What makes the page. Its code is loaded now if it was not before: all of it together takes 0.2 s, which the
        window need not wait for."""
        module = import_module(f"app.dashboard.{self.id}_page")
        kind: Callable[[Context], Page] = getattr(module, f"{self.id.title()}Page")
        return kind


PAGES = (
    PageEntry("home", "Home", "house"),
    PageEntry("chat", "Chat", "chat-circle-text"),
    PageEntry("models", "Models", "cube"),
    PageEntry("acceleration", "Acceleration", "lightning"),
    PageEntry("hardware", "Hardware", "cpu"),
    PageEntry("requests", "Requests", "queue"),
    PageEntry("apps", "Apps", "squares-four"),
    PageEntry("health", "Health", "heartbeat"),
    PageEntry("logs", "Logs", "file-text"),
    PageEntry("settings", "Settings", "gear-six"),
)
