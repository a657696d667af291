"""What screen readers are told of widgets that draw themselves: what kind of thing each is, and what it says now."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QWidget


class Told(QAccessibleWidget):
    """A widget of the kind in its class's `told_as`; its value is its description, in words."""

    def __init__(self, widget: QWidget, kind: QAccessible.Role) -> None:
        super().__init__(widget, kind)
        self._widget = widget

    def text(self, what: QAccessible.Text) -> str:
        """Qt: name, description, value and the rest."""
        if what == QAccessible.Text.Value:
            return self._widget.accessibleDescription()
        return super().text(what)


def _made(class_name: str, of: QObject | None) -> QAccessibleInterface | None:
    kind = getattr(type(of), "told_as", None)
    return Told(of, kind) if kind is not None and isinstance(of, QWidget) else None


def tell_of_drawn_widgets() -> None:
    """Once, before the first window: let Qt ask here about widgets; it does so only while something listens."""
    QAccessible.installFactory(_made)
