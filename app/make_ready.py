"""What is settled between Qt, Python and the system before any window is made."""

from PySide6.QtWidgets import QApplication

from app.garbage import Garbage
from app.widgets.told import tell_of_drawn_widgets


def make_ready(app: QApplication) -> None:
    """Name the program to Qt, keep it running without a window, and keep Python's garbage on its thread."""
    app.setApplicationName("spark")
    app.setApplicationDisplayName("Spark")
    app.setDesktopFileName("spark")
    app.setQuitOnLastWindowClosed(False)
    Garbage(app)
    tell_of_drawn_widgets()
