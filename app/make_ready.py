"""What Qt must know about this program before any window is made."""

from PySide6.QtWidgets import QApplication

from app.widgets.told import tell_of_drawn_widgets


def make_ready(app: QApplication) -> None:
    """Name the program to Qt, and keep it running without a window."""
    app.setApplicationName("spark")
    app.setApplicationDisplayName("Spark")
    app.setDesktopFileName("spark")
    app.setQuitOnLastWindowClosed(False)
    tell_of_drawn_widgets()
