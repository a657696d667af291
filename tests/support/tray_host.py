"""A desktop's tray and notifications, spoken as Plasma and others do (StatusNotifierItem, com.canonical.dbusmenu).

    with TrayHost(screen.bus) as desktop:
        item = desktop.item()
        item.click("Pause serving")

What the item answers is read as it goes over the bus.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    HeaderFields,
    MatchRule,
    Message,
    MessageType,
    Properties,
    message_bus,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from msgspec import Struct
from PySide6.QtGui import QImage

from tests.support.served import wait_until

WATCHER = DBusAddress(
    "/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher", "org.kde.StatusNotifierWatcher"
)
NOTIFICATIONS = DBusAddress(
    "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "org.freedesktop.Notifications"
)
ITEM, MENU = "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"
PATIENCE_S = 10.0


class Line(Struct, frozen=True):
    """A line of a menu. `ticked` None: it has no tick; `children` are those of the menu it opens."""

    id: int
    words: str
    enabled: bool
    ticked: bool | None
    between: bool
    children: tuple["Line", ...]

    def all(self) -> Iterator["Line"]:
        """Every line below, the deeper ones after their own."""
        for child in self.children:
            yield child
            yield from child.all()


class Told(Struct, frozen=True):
    """A message that the desktop was asked to show."""

    id: int
    title: str
    text: str
    icon: str


class Item:
    """An icon in the tray."""

    def __init__(self, connection: DBusConnection, service: str) -> None:
        self._connection, self._service = connection, service

    def get(self, name: str) -> Any:
        """A property of the icon."""
        address = DBusAddress("/StatusNotifierItem", self._service, ITEM)
        return self._ask(Properties(address).get(name))[0][1]

    def images(self) -> dict[int, QImage]:
        """The icon as it is to be drawn, by its width in pixels."""
        found = {}
        for width, height, data in self.get("IconPixmap"):
            # The wire has the bytes of each pixel as alpha, red, green, blue.
            turned = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
            found[width] = QImage(turned, width, height, QImage.Format.Format_ARGB32).copy()
        return found

    def tooltip(self) -> str:
        """What the tooltip says."""
        _, _, title, text = self.get("ToolTip")
        return "\n".join(part for part in (title, text) if part)

    def menu(self) -> Line:
        """The menu as it is now, with the menus below it."""
        self._tell_menu("AboutToShow", "i", (0,))
        _, layout = self._tell_menu("GetLayout", "iias", (0, -1, []))
        return _line(layout)

    def words(self) -> list[str]:
        """The words of every line."""
        return [line.words for line in self.menu().all() if not line.between]

    def line(self, words: str) -> Line | None:
        """The line with these words."""
        return next((line for line in self.menu().all() if line.words == words), None)

    def sees(self, words: str) -> Line:
        """Wait for a line with these words that can be clicked."""
        wait_until(
            lambda: (found := self.line(words)) is not None and found.enabled,
            PATIENCE_S, f"the line {words!r}", lambda: "\n".join(self.words()),
        )  # fmt: skip
        found = self.line(words)
        assert found is not None
        return found

    def click(self, words: str) -> None:
        """Click a line."""
        self._tell_menu("Event", "isvu", (self.sees(words).id, "clicked", ("i", 0), int(time.time())))

    def activate(self) -> None:
        """Click the icon itself."""
        address = DBusAddress("/StatusNotifierItem", self._service, ITEM)
        self._ask(new_method_call(address, "Activate", "ii", (0, 0)))

    def _tell_menu(self, method: str, signature: str, body: tuple[Any, ...]) -> Any:
        address = DBusAddress(self.get("Menu"), self._service, MENU)
        reply = self._ask(new_method_call(address, method, signature, body))
        return reply if len(reply) > 1 else reply[0] if reply else None

    def _ask(self, message: Message) -> tuple[Any, ...]:
        reply = self._connection.send_and_get_reply(message, timeout=PATIENCE_S)
        if reply.header.message_type == MessageType.error:
            raise DBusErrorResponse(reply)
        return tuple(reply.body)


class TrayHost:
    """Watcher, host and notification service at once, on the session bus at `bus`."""

    def __init__(self, bus: str) -> None:
        self._asking, self._serving = (open_dbus_connection(bus) for _ in range(2))
        self._items: list[str] = []
        self.told: list[Told] = []
        self.signals: list[str] = []
        """Names of what items signalled, as `NewIcon`."""
        self._over = False
        self._thread = threading.Thread(target=self._serve, name="tray host", daemon=True)

    def __enter__(self) -> "TrayHost":
        rule = MatchRule(type="signal", interface=ITEM)
        self._serving.send_and_get_reply(message_bus.AddMatch(rule))
        # The watcher last: at its name icons register at once, and what comes while a reply is awaited is lost.
        for name in (NOTIFICATIONS.bus_name, f"org.kde.StatusNotifierHost-{id(self)}", WATCHER.bus_name):
            reply = self._serving.send_and_get_reply(message_bus.RequestName(name))
            assert reply.body == (1,), f"{name} is taken"
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The desktop's panel ends."""
        self._over = True
        self._thread.join(PATIENCE_S)
        self._serving.close()
        self._asking.close()

    def item(self) -> Item:
        """The newest icon, once there is one."""
        wait_until(lambda: bool(self._items), 30, "an icon is in the tray")
        return Item(self._asking, self._items[-1])

    def click_message(self, told: Told) -> None:
        """Click a message that is shown."""
        self._signal(NOTIFICATIONS, "ActionInvoked", "us", (told.id, "default"))

    def _serve(self) -> None:
        while not self._over:
            try:
                message = self._serving.receive(timeout=0.1)
            except TimeoutError:
                continue
            if message.header.message_type == MessageType.signal:
                self.signals.append(message.header.fields[HeaderFields.member])
            elif message.header.message_type == MessageType.method_call:
                self._serving.send(self._answer(message))

    def _answer(self, message: Message) -> Message:
        fields = message.header.fields
        answers: dict[str, Callable[..., Message]] = {
            "RegisterStatusNotifierItem": self._register,
            "Get": self._get,
            "GetAll": self._get_all,
            "Notify": self._notify,
            "GetCapabilities": lambda call: new_method_return(call, "as", (["body", "actions"],)),
            "GetServerInformation": lambda call: new_method_return(
                call, "ssss", ("tests", "spark", "1", "1.2")
            ),
            "CloseNotification": lambda call, id: new_method_return(call),
        }
        answer = answers.get(fields[HeaderFields.member])
        if answer is None:
            return new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")
        return answer(message, *message.body)

    def _register(self, call: Message, service: str) -> Message:
        self._items.append(service)
        self._signal(WATCHER, "StatusNotifierItemRegistered", "s", (service,))
        return new_method_return(call)

    def _properties(self) -> dict[str, tuple[str, object]]:
        return {
            "IsStatusNotifierHostRegistered": ("b", True),
            "ProtocolVersion": ("i", 0),
            "RegisteredStatusNotifierItems": ("as", self._items),
        }

    def _get(self, call: Message, interface: str, name: str) -> Message:
        return new_method_return(call, "v", (self._properties()[name],))

    def _get_all(self, call: Message, interface: str) -> Message:
        return new_method_return(call, "a{sv}", (self._properties(),))

    def _notify(
        self, call: Message, app: str, replaces: int, icon: str, title: str, text: str, *_: Any
    ) -> Message:
        told = Told(len(self.told) + 1, title, text, icon)
        self.told.append(told)
        return new_method_return(call, "u", (told.id,))

    def _signal(self, source: DBusAddress, name: str, signature: str, body: tuple[Any, ...]) -> None:
        self._serving.send(new_signal(source, name, signature, body))


def _line(layout: tuple[int, dict[str, tuple[str, Any]], list[tuple[str, Any]]]) -> Line:
    """A line as `com.canonical.dbusmenu` describes it; what is not said has its default."""
    id, said, below = layout
    facts = {name: value for name, (_, value) in said.items()}
    has_tick = facts.get("toggle-type", "") != ""
    return Line(
        id,
        _plain(facts.get("label", "")),
        facts.get("enabled", True) and facts.get("visible", True),
        facts.get("toggle-state", -1) == 1 if has_tick else None,
        facts.get("type", "standard") == "separator",
        tuple(_line(child) for _, child in below),
    )


def _plain(label: str) -> str:
    """A label without the marks of its keys: one underscore marks, two are one."""
    return label.replace("__", "\0").replace("_", "").replace("\0", "_")
