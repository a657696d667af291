"""The keys of the window, in one list: the window binds them, the help shows them."""

from msgspec import Struct

from app.dashboard.pages import PAGES


class Shortcut(Struct, frozen=True):
    """`keys` as Qt names them, what they do in `words`, and the name under which the window knows that."""

    keys: str
    words: str
    act: str


SHORTCUTS = (
    Shortcut("Ctrl+L", "Choose the model that answers", "choose_model"),
    Shortcut("Ctrl+N", "New chat", "new_chat"),
    Shortcut("Esc", "Stop the answer that is being written", "stop"),
    Shortcut("F5", "Look again at what the page shows", "recheck"),
    Shortcut("F1", "This help", "help"),
    Shortcut("Ctrl+W", "Close the window", "close"),
)


def page_keys() -> dict[str, str]:
    """The keys of each page: Ctrl+1 to Ctrl+9, and Ctrl+0 for the tenth."""
    return {page.id: f"Ctrl+{(at + 1) % 10}" for at, page in enumerate(PAGES)}
