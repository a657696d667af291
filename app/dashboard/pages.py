"""The one list of pages: what stands in the rail, in order, each with its file."""

from collections.abc import Callable

from msgspec import Struct

from app.dashboard.chat_page import ChatPage
from app.dashboard.context import Context
from app.dashboard.home_page import HomePage
from app.dashboard.models_page import ModelsPage
from app.dashboard.page import Page


class PageEntry(Struct, frozen=True):
    """One page: its id for links, its word and icon in the rail, and how it is made."""

    id: str
    word: str
    glyph: str
    make: Callable[[Context], Page]


PAGES = (
    PageEntry("home", "Home", "house", HomePage),
    PageEntry("chat", "Chat", "chat-circle-text", ChatPage),
    PageEntry("models", "Models", "cube", ModelsPage),
)
