"""The one list of pages: what stands in the rail, in order, each with its file."""

from collections.abc import Callable

from msgspec import Struct

from app.dashboard.acceleration_page import AccelerationPage
from app.dashboard.apps_page import AppsPage
from app.dashboard.chat_page import ChatPage
from app.dashboard.context import Context
from app.dashboard.hardware_page import HardwarePage
from app.dashboard.health_page import HealthPage
from app.dashboard.home_page import HomePage
from app.dashboard.logs_page import LogsPage
from app.dashboard.models_page import ModelsPage
from app.dashboard.page import Page
from app.dashboard.requests_page import RequestsPage
from app.dashboard.settings_page import SettingsPage


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
    PageEntry("acceleration", "Acceleration", "lightning", AccelerationPage),
    PageEntry("hardware", "Hardware", "cpu", HardwarePage),
    PageEntry("requests", "Requests", "queue", RequestsPage),
    PageEntry("apps", "Apps", "squares-four", AppsPage),
    PageEntry("health", "Health", "heartbeat", HealthPage),
    PageEntry("logs", "Logs", "file-text", LogsPage),
    PageEntry("settings", "Settings", "gear-six", SettingsPage),
)
